//! The families that the broker serves.

use millrace_wire::metrics::Family;

const TOPIC: &[&str] = &["topic"];
const PARTITION: &[&str] = &["topic", "partition"];
const REQUEST: &[&str] = &["request"];
const LISTENER: &[&str] = &["listener"];
const GROUP: &[&str] = &["consumergroup"];
const GROUP_TOPIC: &[&str] = &["consumergroup", "topic"];
const GROUP_PARTITION: &[&str] = &["consumergroup", "topic", "partition"];

macro_rules! families {
    ($($constant:ident $kind:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(pub(super) const $constant: Family = Family::$kind($name, $labels, $help);)*
    };
}

families! {
    BYTES_IN counter "kafka_server_brokertopicmetrics_bytesin_total" TOPIC,
        "Bytes of record batches that were appended, by topic; without a topic, of all";
    BYTES_OUT counter "kafka_server_brokertopicmetrics_bytesout_total" TOPIC,
        "Bytes of record batches that fetches were answered with, by topic; without a topic, of all";
    MESSAGES_IN counter "kafka_server_brokertopicmetrics_messagesin_total" TOPIC,
        "Records that were appended, by topic; without a topic, of all";
    MESSAGES_OUT counter "kafka_server_brokertopicmetrics_messagesout_total" TOPIC,
        "Offsets that fetches were answered with, by topic; without a topic, of all";
    PRODUCES counter "kafka_server_brokertopicmetrics_totalproducerequests_total" TOPIC,
        "Batches that producers sent, by topic; without a topic, of all";
    PRODUCES_FAILED counter "kafka_server_brokertopicmetrics_failedproducerequests_total" TOPIC,
        "Batches that were refused, by topic; without a topic, of all";
    FETCHES counter "kafka_server_brokertopicmetrics_totalfetchrequests_total" TOPIC,
        "Partitions that were read for fetches, by topic; without a topic, of all";
    FETCHES_FAILED counter "kafka_server_brokertopicmetrics_failedfetchrequests_total" TOPIC,
        "Partitions that could not be read for fetches, by topic; without a topic, of all";
    BYTES_IN_RATE gauge "kafka_server_brokertopicmetrics_bytesinpersec_oneminuterate" TOPIC,
        "Bytes appended a second over the last minute, by topic; without a topic, of all";
    BYTES_OUT_RATE gauge "kafka_server_brokertopicmetrics_bytesoutpersec_oneminuterate" TOPIC,
        "Bytes fetched a second over the last minute, by topic; without a topic, of all";
    MESSAGES_IN_RATE gauge "kafka_server_brokertopicmetrics_messagesinpersec_oneminuterate" TOPIC,
        "Records appended a second over the last minute, by topic; without a topic, of all";
    MESSAGES_OUT_RATE gauge "kafka_server_brokertopicmetrics_messagesoutpersec_oneminuterate" TOPIC,
        "Offsets fetched a second over the last minute, by topic; without a topic, of all";

    REQUESTS counter "kafka_network_requestmetrics_requests_total" REQUEST,
        "Requests that were answered, by API; FetchConsumer is Fetch again, as in Kafka";
    ERRORS counter "kafka_network_requestmetrics_errors_total" &["request", "error"],
        "Error codes in answers, by API and code, NONE included";
    TOTAL_TIME summary "kafka_network_requestmetrics_totaltimems" REQUEST,
        "Time of requests from arrival to answer in milliseconds, by API; quantiles of the last minute";
    DURATION histogram "millrace_request_duration_seconds" REQUEST,
        "Time of requests from arrival to answer in seconds, by API";
    PURGATORY gauge "kafka_server_delayedoperationpurgatory_purgatorysize" &["delayedOperation"],
        "Requests that wait: Fetch for records, Produce for a sync";

    CONNECTIONS gauge "kafka_server_socket_server_metrics_connection_count" LISTENER,
        "Open connections, by listener; IN_PROCESS are those of the worker in the same process";
    CONNECTIONS_CREATED counter "kafka_server_socket_server_metrics_connection_creation_total" LISTENER,
        "Connections that were accepted, by listener";
    CONNECTIONS_REFUSED counter "millrace_connections_refused_total" LISTENER,
        "Connections that were closed at once because of max.connections.per.ip, by listener";

    LOG_SIZE gauge "kafka_log_log_size" PARTITION, "Bytes of a partition's segments";
    LOG_SEGMENTS gauge "kafka_log_log_numlogsegments" PARTITION, "Segments of a partition";
    LOG_START gauge "kafka_log_log_logstartoffset" PARTITION, "First offset of a partition";
    LOG_END gauge "kafka_log_log_logendoffset" PARTITION, "Offset behind the last record of a partition";
    PARTITIONS_OF_TOPIC gauge "kafka_topic_partitions" TOPIC, "Partitions of a topic";
    PARTITION_OLDEST gauge "kafka_topic_partition_oldest_offset" PARTITION,
        "First offset of a partition that consumers can read";
    PARTITION_CURRENT gauge "kafka_topic_partition_current_offset" PARTITION,
        "High watermark of a partition: offset behind the last record that consumers can read";
    FLUSH_TIME summary "kafka_log_logflushstats_logflushrateandtimems" &[],
        "Time of a partition's syncs to disk in milliseconds; quantiles of the last minute";
    FLUSH_DURATION histogram "millrace_log_flush_duration_seconds" &[],
        "Time of a partition's syncs to disk in seconds";
    OFFLINE_DIRECTORIES gauge "kafka_log_logmanager_offlinelogdirectorycount" &[],
        "1 once a sync has failed and the data directory is offline, else 0";

    GROUPS gauge "kafka_coordinator_group_groupmetadatamanager_numgroups" &[], "Consumer groups";
    GROUPS_EMPTY gauge "kafka_coordinator_group_groupmetadatamanager_numgroupsempty" &[],
        "Consumer groups without members";
    GROUPS_PREPARING gauge "kafka_coordinator_group_groupmetadatamanager_numgroupspreparingrebalance" &[],
        "Consumer groups that wait for members to join";
    GROUPS_COMPLETING gauge "kafka_coordinator_group_groupmetadatamanager_numgroupscompletingrebalance" &[],
        "Consumer groups that wait for their assignment";
    GROUPS_STABLE gauge "kafka_coordinator_group_groupmetadatamanager_numgroupsstable" &[],
        "Consumer groups at work";
    OFFSETS gauge "kafka_coordinator_group_groupmetadatamanager_numoffsets" &[],
        "Committed offsets of all groups";
    GROUP_STATE gauge "millrace_group_state" &["consumergroup", "state"],
        "Always 1; the label says in which state the group is";
    GROUP_MEMBERS gauge "kafka_consumergroup_members" GROUP, "Members of a consumer group";
    GROUP_OFFSET gauge "kafka_consumergroup_current_offset" GROUP_PARTITION,
        "Offset that a group has committed for a partition";
    GROUP_LAG gauge "kafka_consumergroup_lag" GROUP_PARTITION,
        "Records of a partition behind the offset that a group has committed";
    GROUP_OFFSET_SUM gauge "kafka_consumergroup_current_offset_sum" GROUP_TOPIC,
        "Offsets that a group has committed, summed over a topic's partitions";
    GROUP_LAG_SUM gauge "kafka_consumergroup_lag_sum" GROUP_TOPIC,
        "Records behind the offsets that a group has committed, summed over a topic's partitions";

    BROKERS gauge "kafka_brokers" &[], "Brokers of the cluster: always 1";
    BROKER_STATE gauge "kafka_server_kafkaserver_brokerstate" &[],
        "Kafka's number of the broker's state: 3 running, 6 on its way down";
    LEADERS gauge "kafka_server_replicamanager_leadercount" &[], "Partitions that this broker leads: all";
    PARTITIONS gauge "kafka_server_replicamanager_partitioncount" &[], "Partitions of this broker";
    UNDER_REPLICATED gauge "kafka_server_replicamanager_underreplicatedpartitions" &[],
        "Partitions with replicas that lag: always 0, there is one replica";
    UNDER_MIN_ISR gauge "kafka_server_replicamanager_underminisrpartitioncount" &[],
        "Partitions with fewer replicas than min.insync.replicas: always 0";
    OFFLINE_REPLICAS gauge "kafka_server_replicamanager_offlinereplicacount" &[],
        "Partitions on a data directory that is offline";
    ACTIVE_CONTROLLERS gauge "kafka_controller_kafkacontroller_activecontrollercount" &[],
        "Controllers in this process: always 1";
    ACTIVE_BROKERS gauge "kafka_controller_kafkacontroller_activebrokercount" &[],
        "Brokers that serve: always 1";
    FENCED_BROKERS gauge "kafka_controller_kafkacontroller_fencedbrokercount" &[],
        "Brokers that are kept from serving: always 0";
    OFFLINE_PARTITIONS gauge "kafka_controller_kafkacontroller_offlinepartitionscount" &[],
        "Partitions that nobody serves: those on a data directory that is offline";
    GLOBAL_TOPICS gauge "kafka_controller_kafkacontroller_globaltopiccount" &[], "Topics of the cluster";
    GLOBAL_PARTITIONS gauge "kafka_controller_kafkacontroller_globalpartitioncount" &[],
        "Partitions of the cluster";
    IMBALANCE gauge "kafka_controller_kafkacontroller_preferredreplicaimbalancecount" &[],
        "Partitions that are not led by their preferred replica: always 0";
}
