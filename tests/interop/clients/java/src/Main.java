import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.utils.AppInfoParser;

/** What the runner asks of a client, with the Java client. clients/README.md says what each command does. */
public final class Main {
    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("version")) {
            System.out.println("kafka-clients " + AppInfoParser.getVersion());
            return;
        }
        String server = arguments[1];
        List<String> rest = Arrays.asList(arguments).subList(2, arguments.length);
        switch (arguments[0]) {
            case "checks" -> {
                Report report = new Report();
                new RecordChecks(server).run(report);
                new AdminChecks(server).run(report);
                report.end();
            }
            case "produce" -> {
                for (String codec : rest.subList(1, rest.size())) {
                    StandardRecords.produce(server, rest.get(0) + "-" + codec, codec);
                    System.out.println("ok produced " + codec);
                }
            }
            case "consume" -> {
                Report report = new Report();
                rest.forEach(topic -> report.check("consumed " + topic, () -> StandardRecords.verify(server, topic)));
                report.end();
            }
            case "fill" -> new Clients(server).fill(rest.get(0), Integer.parseInt(rest.get(1)), Integer.parseInt(rest.get(2)));
            case "member" -> Member.run(server, rest.get(0), rest.get(1));
            case "history" -> History.write(server);
            case "inventory" -> Inventory.print(server);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private Main() {}
}
