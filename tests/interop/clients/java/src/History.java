import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** What a cluster has seen when it is no longer new: each kind of topic, transaction and group leaves files of its own. */
final class History {
    private final Clients clients;

    private History(Clients clients) {
        this.clients = clients;
    }

    static void write(String server) throws Exception {
        History history = new History(new Clients(server));
        history.compacted();
        history.transactions();
        history.groups();
        try (Admin admin = history.clients.admin()) {
            history.trimmed(admin);
            history.deleted(admin);
        }
    }

    /**
     * Three full segments and more, with keys that come again, of which some end with a tombstone, and keys that come
     * once, so that no segment becomes empty: for the time of its last record Apache Kafka then answers that there is none.
     */
    private void compacted() throws Exception {
        String topic = "compacted";
        NewTopic created = new NewTopic(topic, 1, (short) 1)
                .configs(Map.of("cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.01", "segment.bytes", "1048576"));
        try (Admin admin = clients.admin()) {
            admin.createTopics(List.of(created)).all().get();
        }
        String filler = "x".repeat(1000);
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int number = 0; number < 3500; number++) {
            String key = number % 20 == 0 ? "once-" + number : "key-" + number % 100;
            boolean tombstone = number >= 2000 && number % 10 == 0;
            byte[] value = tombstone ? null : (number + filler).getBytes();
            records.add(new ProducerRecord<>(topic, 0, key.getBytes(), value));
        }
        clients.send(records, Map.of());
    }

    /** Committed, aborted and committed again, to two partitions. */
    private void transactions() throws Exception {
        String topic = "transactions";
        clients.create(topic, 2);
        try (KafkaProducer<byte[], byte[]> producer = clients.producer(Map.of("transactional.id", "history"))) {
            producer.initTransactions();
            for (String outcome : List.of("committed", "aborted", "committed later")) {
                producer.beginTransaction();
                for (int number = 0; number < 20; number++) {
                    producer.send(new ProducerRecord<>(topic, number % 2, null, (outcome + " " + number).getBytes()));
                }
                if (outcome.equals("aborted")) {
                    producer.flush();
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                }
            }
        }
    }

    /** A group of each protocol, and one that has no members. */
    private void groups() throws Exception {
        String topic = "numbers";
        clients.fill(topic, 0, 100);
        for (String protocol : List.of("classic", "consumer")) {
            Map<String, Object> settings = Map.of("group.id", "group-" + protocol, "group.protocol", protocol);
            try (KafkaConsumer<byte[], byte[]> consumer = clients.consumer(settings)) {
                consumer.subscribe(List.of(topic));
                Clients.read(consumer, 100);
                consumer.commitSync();
            }
        }
        try (KafkaConsumer<byte[], byte[]> consumer = clients.consumer(Map.of("group.id", "group-alone"))) {
            consumer.commitSync(Map.of(new TopicPartition(topic, 2), new OffsetAndMetadata(7, "größe")));
        }
    }

    private void trimmed(Admin admin) throws Exception {
        clients.create("trimmed", 1);
        clients.sendNumbers("trimmed", 10);
        TopicPartition partition = new TopicPartition("trimmed", 0);
        admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(6))).all().get();
    }

    /** Its files stay for another minute. */
    private void deleted(Admin admin) throws Exception {
        clients.create("deleted", 1);
        clients.sendNumbers("deleted", 10);
        admin.deleteTopics(Set.of("deleted")).all().get();
    }
}
