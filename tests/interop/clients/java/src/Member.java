import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** A member of a group: says what it has been given and what it has read, and leaves when its input ends. */
final class Member {
    static void run(String server, String group, String topic) throws Exception {
        Map<String, Object> settings = Map.of(
                "group.id", group,
                "session.timeout.ms", 6000,
                "heartbeat.interval.ms", 500,
                "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor");
        Thread input = new Thread(Member::awaitEndOfInput);
        input.setDaemon(true);
        input.start();
        try (KafkaConsumer<byte[], byte[]> consumer = new Clients(server).consumer(settings)) {
            consumer.subscribe(List.of(topic), new Announcer(consumer));
            while (input.isAlive()) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    System.out.println("record " + record.partition() + " " + record.offset() + " " + new String(record.value()));
                }
                if (!records.isEmpty()) {
                    consumer.commitSync();
                }
            }
        }
    }

    private static void awaitEndOfInput() {
        try {
            while (System.in.read() >= 0) {}
        } catch (IOException error) {
            error.printStackTrace();
        }
    }

    /** Prints the partitions whenever they change. */
    private record Announcer(KafkaConsumer<byte[], byte[]> consumer) implements ConsumerRebalanceListener {
        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> ignored) {
            String partitions = consumer.assignment().stream()
                    .map(TopicPartition::partition)
                    .sorted()
                    .map(partition -> " " + partition)
                    .collect(Collectors.joining());
            System.out.println("assigned" + partitions);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> ignored) {}
    }

    private Member() {}
}
