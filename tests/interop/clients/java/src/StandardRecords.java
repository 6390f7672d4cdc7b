import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** The records that every client writes and reads: null and empty keys and values, headers, text of many lengths. */
final class StandardRecords {
    static final int COUNT = 1000;

    static void produce(String server, String topic, String codec) throws Exception {
        Clients clients = new Clients(server);
        clients.create(topic, 1);
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int number = 0; number < COUNT; number++) {
            records.add(new ProducerRecord<>(topic, 0, key(number), value(number), headers(number)));
        }
        Map<String, Object> settings = Map.of("compression.type", codec, "linger.ms", 50, "batch.size", 65536);
        List<RecordMetadata> acknowledged = clients.send(records, settings);
        for (int number = 0; number < COUNT; number++) {
            Report.equal((long) number, acknowledged.get(number).offset());
        }
    }

    static void verify(String server, String topic) {
        try (KafkaConsumer<byte[], byte[]> consumer = new Clients(server).consumer(Map.of())) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            List<ConsumerRecord<byte[], byte[]>> records = Clients.read(consumer, COUNT);
            Report.equal(COUNT, records.size());
            for (int number = 0; number < COUNT; number++) {
                verify(number, records.get(number));
            }
        }
    }

    private static void verify(int number, ConsumerRecord<byte[], byte[]> record) {
        Report.equal((long) number, record.offset());
        Report.that(Arrays.equals(key(number), record.key()), "key of " + number);
        Report.that(Arrays.equals(value(number), record.value()), "value of " + number);
        Report.equal(headers(number), Arrays.asList(record.headers().toArray()));
    }

    private static byte[] key(int number) {
        return switch (number % 5) {
            case 0 -> null;
            case 1 -> new byte[0];
            default -> bytes("key-" + number);
        };
    }

    private static byte[] value(int number) {
        if (number % 7 == 0 && number % 5 != 0) {
            return null;
        }
        return bytes(number % 7 == 1 ? "" : number + " größe 日本 " + "x".repeat(number % 300));
    }

    private static List<Header> headers(int number) {
        return switch (number % 3) {
            case 0 -> List.of();
            case 1 -> List.of(header("number", Integer.toString(number)));
            default -> List.of(header("h", "1"), header("h", "2"), header("empty", ""));
        };
    }

    private static Header header(String key, String value) {
        return new RecordHeader(key, bytes(value));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private StandardRecords() {}
}
