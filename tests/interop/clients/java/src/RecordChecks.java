import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;

/** Producers and consumers. */
final class RecordChecks {
    private final Clients clients;

    RecordChecks(String server) {
        clients = new Clients(server);
    }

    void run(Report report) {
        report.check("idempotent", this::idempotent);
        report.check("large", this::large);
        report.check("commit", this::commit);
        report.check("seek", this::seek);
        report.check("long poll", this::longPoll);
    }

    private void idempotent() throws Exception {
        String topic = clients.topic(1);
        int count = 20_000;
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            records.add(new ProducerRecord<>(topic, Integer.toString(number).getBytes()));
        }
        Map<String, Object> settings = Map.of("enable.idempotence", true, "max.in.flight.requests.per.connection", 5, "batch.size", 1000);
        List<RecordMetadata> acknowledged = clients.send(records, settings);
        for (int number = 0; number < count; number++) {
            Report.equal((long) number, acknowledged.get(number).offset());
        }
        try (KafkaConsumer<byte[], byte[]> consumer = assigned(topic, Map.of("isolation.level", "read_committed"))) {
            List<ConsumerRecord<byte[], byte[]>> read = Clients.read(consumer, count);
            for (int number = 0; number < count; number++) {
                Report.equal(Integer.toString(number), text(read.get(number)));
            }
        }
    }

    private void large() throws Exception {
        String topic = clients.topic(1);
        int size = 900_000;
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            clients.send(List.of(new ProducerRecord<>(topic, noise(size))), Map.of("compression.type", codec));
        }
        try (KafkaConsumer<byte[], byte[]> consumer = assigned(topic, Map.of("max.partition.fetch.bytes", 1000))) {
            for (ConsumerRecord<byte[], byte[]> record : Clients.read(consumer, 5)) {
                Report.that(java.util.Arrays.equals(noise(size), record.value()), "record " + record.offset());
            }
        }
        try {
            clients.send(List.of(new ProducerRecord<>(topic, noise(2_000_000))), Map.of("max.request.size", 4_000_000));
            throw new AssertionError("a record beyond max.message.bytes was taken");
        } catch (ExecutionException refused) {
            Report.that(refused.getCause() instanceof RecordTooLargeException, refused);
        }
    }

    private void commit() throws Exception {
        String topic = clients.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        Map<String, Object> settings = Map.of("group.id", "commit-" + UUID.randomUUID());
        clients.sendNumbers(topic, 10);
        try (KafkaConsumer<byte[], byte[]> first = clients.consumer(settings)) {
            first.subscribe(List.of(topic));
            Clients.read(first, 10);
            first.commitSync(Map.of(partition, new OffsetAndMetadata(4, "here")));
            OffsetAndMetadata committed = first.committed(Set.of(partition)).get(partition);
            Report.equal(4L, committed.offset());
            Report.equal("here", committed.metadata());
        }
        try (KafkaConsumer<byte[], byte[]> second = clients.consumer(settings)) {
            second.subscribe(List.of(topic));
            List<ConsumerRecord<byte[], byte[]>> rest = Clients.read(second, 6);
            Report.equal(4L, rest.get(0).offset());
            Report.equal(6, rest.size());
        }
    }

    private void seek() throws Exception {
        String topic = clients.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        List<TopicPartition> partitions = List.of(partition);
        long noon = System.currentTimeMillis();
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int number = 0; number < 10; number++) {
            records.add(new ProducerRecord<>(topic, 0, noon + number * 1000, null, Integer.toString(number).getBytes()));
        }
        clients.send(records, Map.of());
        try (KafkaConsumer<byte[], byte[]> consumer = assigned(topic, Map.of())) {
            consumer.seek(partition, 7);
            Report.equal(7L, Clients.read(consumer, 3).get(0).offset());
            consumer.seekToBeginning(partitions);
            Report.equal(0L, Clients.read(consumer, 10).get(0).offset());
            consumer.seekToEnd(partitions);
            Report.equal(10L, consumer.position(partition));
            Report.equal(5L, consumer.offsetsForTimes(Map.of(partition, noon + 4500)).get(partition).offset());
            Report.that(consumer.offsetsForTimes(Map.of(partition, noon + 99_000)).get(partition) == null, "a time after the end");
            Report.equal(Map.of(partition, 0L), consumer.beginningOffsets(partitions));
            Report.equal(Map.of(partition, 10L), consumer.endOffsets(partitions));
            // Beyond the end the reset policy decides: from the start.
            consumer.seek(partition, 1000);
            Report.equal(0L, Clients.read(consumer, 10).get(0).offset());
        }
    }

    private void longPoll() throws Exception {
        String topic = clients.topic(1);
        Map<String, Object> settings = Map.of("fetch.max.wait.ms", 5000);
        try (KafkaConsumer<byte[], byte[]> consumer = assigned(topic, settings);
                KafkaProducer<byte[], byte[]> producer = clients.producer(Map.of())) {
            producer.partitionsFor(topic);
            Thread later = new Thread(() -> {
                pause(1500);
                producer.send(new ProducerRecord<>(topic, "late".getBytes()));
            });
            long started = System.nanoTime();
            later.start();
            Clients.read(consumer, 1);
            long waited = Duration.ofNanos(System.nanoTime() - started).toMillis();
            Report.that(waited >= 1400 && waited < 4000, "the record came after " + waited + " ms");
            later.join();
        }
    }

    private KafkaConsumer<byte[], byte[]> assigned(String topic, Map<String, Object> settings) {
        KafkaConsumer<byte[], byte[]> consumer = clients.consumer(new HashMap<>(settings));
        consumer.assign(List.of(new TopicPartition(topic, 0)));
        return consumer;
    }

    /** Bytes that no codec makes smaller, the same each time. */
    private static byte[] noise(int size) {
        byte[] bytes = new byte[size];
        new java.util.Random(size).nextBytes(bytes);
        return bytes;
    }

    private static String text(ConsumerRecord<byte[], byte[]> record) {
        return new String(record.value());
    }

    private static void pause(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }
}
