//! The families that the worker serves.

use millrace_wire::metrics::Family;

const CONNECTOR: &[&str] = &["connector"];
const TASK: &[&str] = &["connector", "task"];
const CLIENT: &[&str] = &["clientId"];
const PART: &[&str] = &["connector", "task", "part"];
const CLIENT_PARTITION: &[&str] = &["clientId", "topic", "partition"];

macro_rules! families {
    ($($constant:ident $kind:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(pub(super) const $constant: Family = Family::$kind($name, $labels, $help);)*
    };
}

families! {
    CONNECTORS gauge "kafka_connect_worker_connector_count" &[], "Connectors of this worker";
    TASKS gauge "kafka_connect_worker_task_count" &[], "Tasks of this worker";
    TASKS_TOTAL gauge "kafka_connect_worker_connector_total_task_count" CONNECTOR, "Tasks of a connector";
    TASKS_RUNNING gauge "kafka_connect_worker_connector_running_task_count" CONNECTOR,
        "Tasks of a connector that run";
    TASKS_PAUSED gauge "kafka_connect_worker_connector_paused_task_count" CONNECTOR,
        "Tasks of a connector that are paused";
    TASKS_FAILED gauge "kafka_connect_worker_connector_failed_task_count" CONNECTOR,
        "Tasks of a connector that have failed";
    TASKS_UNASSIGNED gauge "kafka_connect_worker_connector_unassigned_task_count" CONNECTOR,
        "Tasks of a connector that have stopped or not started yet";
    TASKS_RESTARTING gauge "kafka_connect_worker_connector_restarting_task_count" CONNECTOR,
        "Tasks of a connector that are being restarted";
    TASK_STATE gauge "kafka_connect_connector_status" &["connector", "task", "status"],
        "Always 1; the label says in which state the task is";
    CONNECTOR_STATE gauge "millrace_connector_state" &["connector", "type", "status"],
        "Always 1; the label says in which state the connector is";

    REBALANCES counter "kafka_connect_worker_rebalance_completed_rebalances_total" &[],
        "Rebalances of the group after which this worker had its part";
    REBALANCING gauge "kafka_connect_worker_rebalance_rebalancing" &[], "1 while the group rebalances, else 0";
    REBALANCE_AVG gauge "kafka_connect_worker_rebalance_rebalance_avg_time_ms" &[],
        "Time of a rebalance in milliseconds, on average over the last minute";
    REBALANCE_MAX gauge "kafka_connect_worker_rebalance_rebalance_max_time_ms" &[],
        "Time of the longest rebalance of the last minutes, in milliseconds";
    REBALANCE_SINCE gauge "kafka_connect_worker_rebalance_time_since_last_rebalance_ms" &[],
        "Time since the last rebalance ended, in milliseconds; infinite before the first";
    REBALANCE_EPOCH gauge "kafka_connect_worker_rebalance_epoch" &[], "The generation of the group";
    REBALANCE_LEADER gauge "kafka_connect_worker_rebalance_leader_name" &["leader_name"],
        "Always 1; the label is the URL of the group's leader";
    REBALANCE_PROTOCOL gauge "kafka_connect_worker_rebalance_connect_protocol" &["connect_protocol"],
        "Always 1; the label is the protocol that the group uses: EAGER, COMPATIBLE or SESSIONED";
    ASSIGNED_CONNECTORS gauge "kafka_connect_coordinator_assigned_connectors" &[],
        "Connectors that this worker was assigned";
    ASSIGNED_TASKS gauge "kafka_connect_coordinator_assigned_tasks" &[], "Tasks that this worker was assigned";
    ABANDONED_THREADS gauge "millrace_connect_abandoned_threads" &[],
        "Threads that were left behind in connectors' code that did not return, and still hang there";

    BATCH_AVG gauge "kafka_connect_connector_task_batch_size_avg" TASK,
        "Records in a batch, on average over the last minute";
    BATCH_MAX gauge "kafka_connect_connector_task_batch_size_max" TASK,
        "Records in the largest batch of the last minutes";
    COMMIT_AVG gauge "kafka_connect_connector_task_offset_commit_avg_time_ms" TASK,
        "Time of an offset commit in milliseconds, on average over the last minute";
    COMMIT_MAX gauge "kafka_connect_connector_task_offset_commit_max_time_ms" TASK,
        "Time of the longest offset commit of the last minutes, in milliseconds";
    COMMIT_SUCCESS gauge "kafka_connect_connector_task_offset_commit_success_percentage" TASK,
        "Share of the task's offset commits that succeeded, 0 to 1";
    COMMIT_FAILURE gauge "kafka_connect_connector_task_offset_commit_failure_percentage" TASK,
        "Share of the task's offset commits that failed, 0 to 1";
    COMMITS counter "millrace_connect_offset_commits_total" &["connector", "task", "outcome"],
        "Offset commits of a task, by outcome: success or failure";

    POLLED counter "kafka_connect_source_task_source_record_poll_total" TASK, "Records that a source has brought";
    WRITTEN counter "kafka_connect_source_task_source_record_write_total" TASK,
        "Records of a source that the broker has acknowledged";
    ACTIVE gauge "kafka_connect_source_task_source_record_active_count" TASK,
        "Records of a source that are on their way: brought, and not yet acknowledged or left out";
    POLL_RATE gauge "kafka_connect_source_task_source_record_poll_rate" TASK,
        "Records that a source brings a second, over the last minute";
    WRITE_RATE gauge "kafka_connect_source_task_source_record_write_rate" TASK,
        "Records of a source that are acknowledged a second, over the last minute";
    POLL_AVG gauge "kafka_connect_source_task_poll_batch_avg_time_ms" TASK,
        "Time of a poll that brought records in milliseconds, on average over the last minute";
    POLL_MAX gauge "kafka_connect_source_task_poll_batch_max_time_ms" TASK,
        "Time of the longest such poll of the last minutes, in milliseconds";

    UNREAD_BYTES gauge "millrace_source_unread_bytes" PART,
        "Bytes that a source has seen and not read, by part, such as a file: the 100 largest; without a part, of all";
    UNREAD_SECONDS gauge "millrace_source_unread_seconds" PART,
        "How long ago a part was last read to its end; without a part, the longest";
    SOURCE_EVENTS counter "millrace_source_events_total" &["connector", "task", "event"],
        "What a source has counted since its task was started, such as lines that were left out";

    READ counter "kafka_connect_sink_task_sink_record_read_total" TASK, "Records that were fetched for a sink";
    SENT counter "kafka_connect_sink_task_sink_record_send_total" TASK, "Records that a sink has taken";
    READ_RATE gauge "kafka_connect_sink_task_sink_record_read_rate" TASK,
        "Records that are fetched for a sink a second, over the last minute";
    SEND_RATE gauge "kafka_connect_sink_task_sink_record_send_rate" TASK,
        "Records that a sink takes a second, over the last minute";
    PUT_AVG gauge "kafka_connect_sink_task_put_batch_avg_time_ms" TASK,
        "Time of a put in milliseconds, on average over the last minute";
    PUT_MAX gauge "kafka_connect_sink_task_put_batch_max_time_ms" TASK,
        "Time of the longest put of the last minutes, in milliseconds";
    SINK_PARTITIONS gauge "kafka_connect_sink_task_partition_count" TASK, "Partitions that a sink's task reads";
    SINK_COMMITS counter "kafka_connect_sink_task_offset_commit_completion_total" TASK,
        "Offset commits of a sink that succeeded";
    SINK_LAG_MAX gauge "kafka_connect_sink_task_sink_record_lag_max" TASK,
        "Records that the partition furthest behind held when it was last fetched from";

    FAILURES counter "kafka_connect_task_error_total_record_failures" TASK, "Records that failed in a step";
    ERRORS counter "kafka_connect_task_error_total_record_errors" TASK,
        "Failures of records and of attempts that were repeated";
    SKIPPED counter "kafka_connect_task_error_total_records_skipped" TASK, "Records that were left out after a failure";
    LOGGED counter "kafka_connect_task_error_total_errors_logged" TASK, "Failures of records that were logged";
    RETRIES counter "kafka_connect_task_error_total_retries" TASK, "Polls, puts and steps that were tried again";
    DEAD_LETTERS counter "kafka_connect_task_error_deadletterqueue_produce_requests" TASK,
        "Records that were sent to the dead letter queue";
    DEAD_LETTERS_FAILED counter "kafka_connect_task_error_deadletterqueue_produce_failures" TASK,
        "Records that could not be stored in the dead letter queue";
    LAST_ERROR gauge "kafka_connect_task_error_last_error_timestamp" TASK,
        "When a record last failed, in milliseconds since 1970; 0 for never";

    BUFFER_TOTAL gauge "kafka_producer_buffer_total_bytes" CLIENT, "Bytes that a producer may hold: buffer.memory";
    BUFFER_AVAILABLE gauge "kafka_producer_buffer_available_bytes" CLIENT, "Bytes of it that are free";
    BATCHES_SENT counter "millrace_producer_batches_sent_total" CLIENT, "Batches that a producer has sent, repeats included";
    BATCH_RETRIES counter "millrace_producer_batch_retries_total" CLIENT, "Batches that a producer has sent again";
    BATCH_ERRORS counter "millrace_producer_batch_errors_total" CLIENT, "Batches that a producer has given up";
    RECORDS_CONSUMED counter "kafka_consumer_fetch_manager_records_consumed_total" CLIENT,
        "Records that a consumer has fetched";
    BYTES_CONSUMED counter "kafka_consumer_fetch_manager_bytes_consumed_total" CLIENT,
        "Bytes of the records that a consumer has fetched, unpacked";
    RECORDS_LAG gauge "kafka_consumer_fetch_manager_records_lag" CLIENT_PARTITION,
        "Records behind those fetched of a partition, when it was last fetched from";
}
