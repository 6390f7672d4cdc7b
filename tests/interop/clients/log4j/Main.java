import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.log4j.Level;
import org.apache.log4j.LogManager;
import org.apache.log4j.Logger;
import org.apache.log4j.PropertyConfigurator;

/** Logs the lines of a file, each {@code LEVEL LOGGER MESSAGE}, with each of the log4j files that follow. */
public final class Main {
    public static void main(String[] arguments) throws Exception {
        List<String> lines = Files.readAllLines(Path.of(arguments[0]), StandardCharsets.UTF_8);
        for (int at = 1; at < arguments.length; at++) {
            PropertyConfigurator.configure(arguments[at]);
            for (String line : lines) {
                String[] parts = line.split(" ", 3);
                // The file has an escape where the message has a line end.
                String message = parts[2].replace("\\n", "\n");
                Logger.getLogger(parts[1]).log(Level.toLevel(parts[0]), message);
            }
            LogManager.shutdown();
            LogManager.resetConfiguration();
        }
    }
}
