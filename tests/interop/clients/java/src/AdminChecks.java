import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.ConsumerGroupState;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Administration. */
final class AdminChecks {
    private final Clients clients;

    AdminChecks(String server) {
        clients = new Clients(server);
    }

    void run(Report report) throws Exception {
        try (Admin admin = clients.admin()) {
            report.check("topics", () -> topics(admin));
            report.check("partitions", () -> partitions(admin));
            report.check("configs", () -> configs(admin));
            report.check("delete records", () -> deleteRecords(admin));
            report.check("groups", () -> groups(admin));
            report.check("cluster", () -> cluster(admin));
        }
    }

    private void topics(Admin admin) throws Exception {
        String topic = clients.topic(3);
        TopicDescription description = describe(admin, topic);
        Report.equal(3, description.partitions().size());
        Report.equal(1, description.partitions().get(0).replicas().size());
        Report.that(admin.listTopics().names().get().contains(topic), "the topic is not listed");
        refused(TopicExistsException.class, create(admin, topic, 1, 1));
        refused(InvalidTopicException.class, create(admin, "no/topic", 1, 1));
        refused(InvalidPartitionsException.class, create(admin, topic + "-none", 0, 1));
        refused(InvalidReplicationFactorException.class, create(admin, topic + "-three", 1, 3));
        admin.deleteTopics(List.of(topic)).all().get();
        refused(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(topic)).all());
        Report.that(!admin.listTopics().names().get().contains(topic), "the topic is still listed");
    }

    private void partitions(Admin admin) throws Exception {
        String topic = clients.topic(1);
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all().get();
        Report.soon(4, () -> describe(admin, topic).partitions().size());
        refused(InvalidPartitionsException.class, admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all());
    }

    private void configs(Admin admin) throws Exception {
        String topic = "configs-" + UUID.randomUUID();
        NewTopic compacted = new NewTopic(topic, 1, (short) 1).configs(Map.of(TopicConfig.CLEANUP_POLICY_CONFIG, "compact"));
        admin.createTopics(List.of(compacted)).all().get();
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Report.soon("compact", () -> config(admin, resource).get(TopicConfig.CLEANUP_POLICY_CONFIG).value());
        ConfigEntry policy = config(admin, resource).get(TopicConfig.CLEANUP_POLICY_CONFIG);
        Report.equal(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, policy.source());
        Report.that(config(admin, resource).get(TopicConfig.RETENTION_MS_CONFIG).isDefault(), "retention.ms is not a default");

        alter(admin, resource, new AlterConfigOp(new ConfigEntry("retention.ms", "3600000"), AlterConfigOp.OpType.SET)).get();
        alter(admin, resource, new AlterConfigOp(new ConfigEntry("cleanup.policy", "delete"), AlterConfigOp.OpType.APPEND)).get();
        Report.soon("3600000", () -> config(admin, resource).get("retention.ms").value());
        Report.soon("compact,delete", () -> config(admin, resource).get("cleanup.policy").value());
        alter(admin, resource, new AlterConfigOp(new ConfigEntry("retention.ms", ""), AlterConfigOp.OpType.DELETE)).get();
        Report.soon("604800000", () -> config(admin, resource).get("retention.ms").value());
        refused(InvalidConfigurationException.class,
                alter(admin, resource, new AlterConfigOp(new ConfigEntry("retention.ms", "soon"), AlterConfigOp.OpType.SET)));

        String node = admin.describeCluster().nodes().get().iterator().next().idString();
        Config broker = config(admin, new ConfigResource(ConfigResource.Type.BROKER, node));
        Report.that(broker.get("log.dirs") != null || broker.get("log.dir") != null, "the broker does not say where its logs are");
    }

    private void deleteRecords(Admin admin) throws Exception {
        String topic = clients.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        clients.sendNumbers(topic, 10);
        long low = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(6))).lowWatermarks().get(partition).get().lowWatermark();
        Report.equal(6L, low);
        Report.equal(6L, offset(admin, partition, OffsetSpec.earliest()));
        Report.equal(10L, offset(admin, partition, OffsetSpec.latest()));
        try (KafkaConsumer<byte[], byte[]> consumer = clients.consumer(Map.of())) {
            consumer.assign(List.of(partition));
            Report.equal(6L, Clients.read(consumer, 4).get(0).offset());
        }
    }

    private void groups(Admin admin) throws Exception {
        String topic = clients.topic(1);
        String group = "groups-" + UUID.randomUUID();
        TopicPartition partition = new TopicPartition(topic, 0);
        clients.sendNumbers(topic, 5);
        try (KafkaConsumer<byte[], byte[]> consumer = clients.consumer(Map.of("group.id", group))) {
            consumer.subscribe(List.of(topic));
            Clients.read(consumer, 5);
            consumer.commitSync();
            ConsumerGroupDescription description = group(admin, group);
            Report.equal(ConsumerGroupState.STABLE, description.state());
            Report.equal(Set.of(partition), description.members().iterator().next().assignment().topicPartitions());
            refused(GroupNotEmptyException.class, admin.deleteConsumerGroups(List.of(group)).all());
        }
        Report.equal(ConsumerGroupState.EMPTY, group(admin, group).state());
        Report.that(admin.listConsumerGroups().all().get().stream().anyMatch(one -> one.groupId().equals(group)), "the group is not listed");
        Report.equal(5L, committed(admin, group).get(partition).offset());
        admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(2))).all().get();
        Report.equal(2L, committed(admin, group).get(partition).offset());
        admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get();
        Report.that(committed(admin, group).get(partition) == null, "a deleted offset is still there");
        admin.deleteConsumerGroups(List.of(group)).all().get();
        refused(GroupIdNotFoundException.class, admin.deleteConsumerGroups(List.of(group)).all());
    }

    private void cluster(Admin admin) throws Exception {
        int nodes = admin.describeCluster().nodes().get().size();
        Report.equal(1, nodes);
        Report.that(!admin.describeCluster().clusterId().get().isEmpty(), "no cluster id");
        String topic = clients.topic(1);
        clients.sendNumbers(topic, 5);
        int node = admin.describeCluster().controller().get().id();
        Map<String, LogDirDescription> folders = admin.describeLogDirs(List.of(node)).descriptions().get(node).get();
        long size = folders.values().stream()
                .map(folder -> folder.replicaInfos().get(new TopicPartition(topic, 0)))
                .filter(replica -> replica != null)
                .mapToLong(replica -> replica.size())
                .sum();
        Report.that(size > 0, "the log has no size: " + folders);
    }

    private static KafkaFuture<Void> create(Admin admin, String topic, int partitions, int replicas) {
        return admin.createTopics(List.of(new NewTopic(topic, partitions, (short) replicas))).all();
    }

    /** The name of the call changed with release 4, the call did not. */
    @SuppressWarnings("unchecked")
    static TopicDescription describe(Admin admin, String topic) throws Exception {
        DescribeTopicsResult result = admin.describeTopics(List.of(topic));
        String name = org.apache.kafka.common.utils.AppInfoParser.getVersion().startsWith("2") ? "all" : "allTopicNames";
        KafkaFuture<Map<String, TopicDescription>> future =
                (KafkaFuture<Map<String, TopicDescription>>) DescribeTopicsResult.class.getMethod(name).invoke(result);
        return future.get().get(topic);
    }

    private static Config config(Admin admin, ConfigResource resource) throws Exception {
        return admin.describeConfigs(List.of(resource)).all().get().get(resource);
    }

    private static KafkaFuture<Void> alter(Admin admin, ConfigResource resource, AlterConfigOp change) {
        Map<ConfigResource, Collection<AlterConfigOp>> changes = Map.of(resource, List.of(change));
        return admin.incrementalAlterConfigs(changes).all();
    }

    private static long offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get().offset();
    }

    private static ConsumerGroupDescription group(Admin admin, String group) throws Exception {
        return admin.describeConsumerGroups(List.of(group)).all().get().get(group);
    }

    private static Map<TopicPartition, OffsetAndMetadata> committed(Admin admin, String group) throws Exception {
        return admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    }

    private static void refused(Class<? extends ApiException> reason, KafkaFuture<?> future) throws Exception {
        try {
            future.get();
            throw new AssertionError("not refused with " + reason.getSimpleName());
        } catch (ExecutionException refused) {
            Report.that(reason.isInstance(refused.getCause()), refused.getCause());
        }
    }
}
