import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Clients of the broker under test, and what all checks do with them. */
final class Clients {
    static final Duration PATIENCE = Duration.ofSeconds(30);

    private final String server;

    Clients(String server) {
        this.server = server;
    }

    Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", server));
    }

    KafkaProducer<byte[], byte[]> producer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", server, "acks", "all"));
        all.putAll(settings);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(Map.of(
                "bootstrap.servers", server,
                "auto.offset.reset", "earliest",
                "enable.auto.commit", false));
        all.putAll(settings);
        return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** Creates a topic with a name of its own. */
    String topic(int partitions) throws Exception {
        String name = "check-" + UUID.randomUUID();
        create(name, partitions);
        return name;
    }

    void create(String name, int partitions) throws Exception {
        try (Admin admin = admin()) {
            admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1))).all().get();
        }
    }

    /** Sends records and waits until all are acknowledged, in the order in which they were sent. */
    List<RecordMetadata> send(List<ProducerRecord<byte[], byte[]>> records, Map<String, Object> settings) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(settings)) {
            records.forEach(record -> sent.add(producer.send(record)));
        }
        List<RecordMetadata> acknowledged = new ArrayList<>();
        for (Future<RecordMetadata> one : sent) {
            acknowledged.add(one.get());
        }
        return acknowledged;
    }

    /** Sends "0", "1", ... to partition 0 of a topic. */
    List<RecordMetadata> sendNumbers(String topic, int count) throws Exception {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            records.add(new ProducerRecord<>(topic, 0, null, Integer.toString(number).getBytes()));
        }
        return send(records, Map.of());
    }

    /** Sends these numbers to four partitions, of a topic that is made for the first. */
    void fill(String topic, int from, int to) throws Exception {
        if (from == 0) {
            create(topic, 4);
        }
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int number = from; number < to; number++) {
            records.add(new ProducerRecord<>(topic, number % 4, null, Integer.toString(number).getBytes()));
        }
        send(records, Map.of());
    }

    /** Reads this many records, or more if the last poll brings more. */
    static List<ConsumerRecord<byte[], byte[]>> read(KafkaConsumer<byte[], byte[]> consumer, int count) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (records.size() < count) {
            Report.that(System.nanoTime() < end, "only " + records.size() + " of " + count + " records came");
            consumer.poll(Duration.ofMillis(500)).forEach(records::add);
        }
        return Collections.unmodifiableList(records);
    }
}
