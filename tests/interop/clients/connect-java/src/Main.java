import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.sourcelab.kafka.connect.apiclient.Configuration;
import org.sourcelab.kafka.connect.apiclient.KafkaConnectClient;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorPluginConfigDefinition;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorStatus;
import org.sourcelab.kafka.connect.apiclient.request.dto.NewConnectorDefinition;
import org.sourcelab.kafka.connect.apiclient.request.post.PostConnectorRestart;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.ConcurrentConfigModificationException;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.InvalidRequestException;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.ResourceNotFoundException;

/** SourceLab's client of Kafka Connect's REST API, under the commands of clients/README.md. */
public final class Main {
    private static final String PLUGIN = "FileStreamSource";

    private final KafkaConnectClient client;
    private final Steps steps = new Steps();
    private final String name;
    private final String missing;
    private final String topic;
    private final Map<String, String> config;

    public static void main(String[] arguments) {
        if (arguments[1].equals("version")) {
            String jar = KafkaConnectClient.class.getProtectionDomain().getCodeSource().getLocation().getPath();
            System.out.println(jar.substring(jar.lastIndexOf('/') + 1).replace(".jar", ""));
            return;
        }
        new Main(arguments[2], arguments[3], arguments[4]).walk();
    }

    private Main(String url, String name, String file) {
        client = new KafkaConnectClient(new Configuration(url));
        this.name = name;
        missing = name + "-missing";
        topic = name + "-topic";
        config = Map.of("name", name, "connector.class", PLUGIN, "tasks.max", "1", "file", file, "topic", topic);
    }

    private void walk() {
        steps.step("info", this::info);
        steps.step("plugins", this::plugins);
        steps.step("validate", this::validate);
        steps.step("create", () -> {
            var made = client.addConnector(definition(name, config));
            Steps.expect(made.getConfig().equals(config) && made.getType().equals("source"), made);
        });
        steps.step("listed", this::listed);
        steps.step("read", () -> {
            Steps.expect(client.getConnector(name).getConfig().equals(config), client.getConnector(name));
            Steps.expect(client.getConnectorConfig(name).equals(config), client.getConnectorConfig(name));
        });
        steps.step("tasks", this::tasks);
        steps.step("pause", () -> {
            Steps.expect(client.pauseConnector(name), "no success");
            awaitAll("PAUSED", 1);
        });
        steps.step("resume", this::resume);
        steps.step("stop", () -> {
            Steps.expect(client.stopConnector(name), "no success");
            awaitAll("STOPPED", 0);
            resume();
        });
        steps.step("restart", this::restart);
        steps.step("topics", () -> {
            Steps.until(
                    () -> client.getConnectorTopics(name), topics -> topics.getTopics().equals(List.of(topic)));
            Steps.expect(client.resetConnectorTopics(name), "no success");
        });
        steps.step("update", () -> {
            Map<String, String> changed = new HashMap<>(config);
            changed.put("batch.size", "100");
            Steps.expect(client.updateConnectorConfig(name, changed).getConfig().equals(changed), changed);
            Steps.until(() -> client.getConnectorConfig(name), changed::equals);
            awaitAll("RUNNING", 1);
        });
        steps.step("errors", this::errors);
        steps.step("delete", () -> {
            Steps.expect(client.deleteConnector(name), "no success");
            Steps.until(client::getConnectors, names -> !names.contains(name));
        });
        steps.end();
    }

    private void info() {
        var server = client.getConnectServerVersion();
        Steps.expect(!server.getVersion().isEmpty() && !server.getKafkaClusterId().isEmpty(), server);
    }

    private void plugins() {
        var plugins = client.getConnectorPlugins();
        boolean isThere = plugins.stream()
                .anyMatch(plugin -> plugin.getClassName().endsWith(".FileStreamSourceConnector")
                        && plugin.getType().equals("source"));
        Steps.expect(isThere, plugins);
    }

    private void validate() {
        var good = client.validateConnectorPluginConfig(new ConnectorPluginConfigDefinition(PLUGIN, config));
        Steps.expect(good.getErrorCount() == 0 && !good.getGroups().isEmpty(), good.getErrorCount());
        var bad = client.validateConnectorPluginConfig(new ConnectorPluginConfigDefinition(PLUGIN, invalid(name)));
        Steps.expect(bad.getErrorCount() == 1, bad.getErrorCount());
    }

    private void listed() throws Exception {
        awaitAll("RUNNING", 1);
        Steps.expect(client.getConnectors().contains(name), client.getConnectors());
        var status = client.getConnectorsWithExpandedStatus();
        Steps.expect(status.getStatusForConnector(name).getName().equals(name), status);
        var info = client.getConnectorsWithExpandedInfo();
        Steps.expect(info.getDefinitionForConnector(name).getConfig().equals(config), info);
        var both = client.getConnectorsWithAllExpandedMetadata();
        Steps.expect(both.getAllStatuses().size() == both.getAllDefinitions().size(), both);
    }

    private void tasks() {
        var tasks = client.getConnectorTasks(name);
        Steps.expect(tasks.size() == 1 && tasks.iterator().next().getConfig().get("topic").equals(topic), tasks);
        var task = client.getConnectorTaskStatus(name, 0);
        Steps.expect(task.getState().equals("RUNNING") && !task.getWorkerId().isEmpty(), task);
    }

    private void resume() throws Exception {
        Steps.expect(client.resumeConnector(name), "no success");
        awaitAll("RUNNING", 1);
    }

    private void restart() throws Exception {
        Steps.expect(client.restartConnector(name), "no success");
        awaitAll("RUNNING", 1);
        var whole = new PostConnectorRestart(name).withIncludeTasks(true).withOnlyFailed(false);
        Steps.expect(client.restartConnector(whole), "no success");
        awaitAll("RUNNING", 1);
        Steps.expect(client.restartConnectorTask(name, 0), "no success");
        awaitAll("RUNNING", 1);
    }

    private void errors() throws Exception {
        Steps.refused(
                ConcurrentConfigModificationException.class, () -> client.addConnector(definition(name, config)));
        var refused = Steps.refused(
                InvalidRequestException.class, () -> client.addConnector(definition(missing, invalid(missing))));
        Steps.expect(refused.getErrorCode() == 400 && refused.getMessage().contains("topic"), refused);
        List<Steps.Action> asked = List.of(
                () -> client.getConnector(missing),
                () -> client.getConnectorConfig(missing),
                () -> client.getConnectorStatus(missing),
                () -> client.getConnectorTasks(missing),
                () -> client.getConnectorTaskStatus(name, 99),
                () -> client.pauseConnector(missing),
                () -> client.resumeConnector(missing),
                () -> client.stopConnector(missing),
                () -> client.restartConnector(missing),
                () -> client.deleteConnector(missing));
        for (Steps.Action action : asked) {
            Steps.refused(ResourceNotFoundException.class, action);
        }
    }

    private void awaitAll(String state, int tasks) throws Exception {
        Steps.until(this::status, status -> status.filter(all -> isAll(all, state, tasks)).isPresent());
    }

    /** Nothing in the first moments, in which a worker of a group has no status yet. */
    private Optional<ConnectorStatus> status() {
        try {
            return Optional.of(client.getConnectorStatus(name));
        } catch (ResourceNotFoundException none) {
            return Optional.empty();
        }
    }

    private static boolean isAll(ConnectorStatus status, String state, int tasks) {
        return status.getConnector().get("state").equals(state)
                && status.getTasks().size() == tasks
                && status.getTasks().stream().allMatch(task -> task.getState().equals(state));
    }

    private static NewConnectorDefinition definition(String name, Map<String, String> config) {
        return NewConnectorDefinition.newBuilder().withName(name).withConfig(config).build();
    }

    /** Without the topic, which the connector needs. */
    private Map<String, String> invalid(String name) {
        Map<String, String> invalid = new HashMap<>(config);
        invalid.remove("topic");
        invalid.put("name", name);
        return invalid;
    }
}
