import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.time.Duration;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** All that a cluster holds for its clients, a line each and always in the same order. */
final class Inventory {
    private final Clients clients;
    private final Admin admin;

    private Inventory(Clients clients, Admin admin) {
        this.clients = clients;
        this.admin = admin;
    }

    static void print(String server) throws Exception {
        Clients clients = new Clients(server);
        try (Admin admin = clients.admin()) {
            System.out.println("cluster " + admin.describeCluster().clusterId().get());
            Inventory inventory = new Inventory(clients, admin);
            inventory.topics();
            inventory.groups();
        }
    }

    private void topics() throws Exception {
        ListTopicsOptions all = new ListTopicsOptions().listInternal(true);
        for (String topic : new TreeSet<>(admin.listTopics(all).names().get())) {
            TopicDescription description = AdminChecks.describe(admin, topic);
            int partitions = description.partitions().size();
            System.out.println("topic " + topic + " " + id(description) + " " + partitions + " " + settings(topic));
            // A broker writes to its own topics as it likes.
            for (int partition = 0; partition < partitions && !description.isInternal(); partition++) {
                records(new TopicPartition(topic, partition), "read_uncommitted");
                records(new TopicPartition(topic, partition), "read_committed");
            }
        }
    }

    /** Topics have ids since release 3.1 of the client. */
    private static Object id(TopicDescription description) throws Exception {
        return TopicDescription.class.getMethod("topicId").invoke(description);
    }

    /** What was set for this topic. */
    private Map<String, String> settings(String topic) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Map<String, String> settings = new TreeMap<>();
        for (ConfigEntry entry : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
            if (entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG) {
                settings.put(entry.name(), entry.value());
            }
        }
        return settings;
    }

    private void records(TopicPartition partition, String isolation) {
        List<TopicPartition> one = List.of(partition);
        try (KafkaConsumer<byte[], byte[]> consumer = clients.consumer(Map.of("isolation.level", isolation))) {
            consumer.assign(one);
            long start = consumer.beginningOffsets(one).get(partition);
            long end = consumer.endOffsets(one).get(partition);
            System.out.println(isolation + " " + partition + " from " + start + " to " + end);
            consumer.seekToBeginning(one);
            long time = 0;
            long deadline = System.nanoTime() + Clients.PATIENCE.toNanos();
            while (consumer.position(partition) < end) {
                Report.that(System.nanoTime() < deadline, partition + " ends at " + consumer.position(partition) + ", not at " + end);
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    System.out.println(isolation + " " + partition + " " + text(record));
                    time = record.timestamp();
                }
            }
            System.out.println(isolation + " " + partition + " at " + time + " " + consumer.offsetsForTimes(Map.of(partition, time)));
        }
    }

    private static String text(ConsumerRecord<byte[], byte[]> record) {
        return record.offset() + " epoch " + record.leaderEpoch().orElse(-1) + " " + record.timestampType() + " " + record.timestamp()
                + " key " + Arrays.hashCode(record.key()) + " value " + Arrays.hashCode(record.value()) + " " + record.headers();
    }

    private void groups() throws Exception {
        TreeSet<String> groups = new TreeSet<>();
        admin.listConsumerGroups().all().get().forEach(group -> groups.add(group.groupId()));
        for (String group : groups) {
            Map<String, Object> committed = new TreeMap<>();
            admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().forEach(
                    (partition, offset) -> committed.put(partition.toString(), offset));
            System.out.println("group " + group + " " + committed);
        }
    }
}
