import java.util.concurrent.Callable;

/** Runs checks and prints a line for each. */
final class Report {
    interface Check {
        void run() throws Exception;
    }

    private boolean failed;

    void check(String name, Check check) {
        try {
            check.run();
            System.out.println("ok " + name);
        } catch (Exception | AssertionError error) {
            failed = true;
            System.out.println("FAILED " + name + ": " + error);
            error.printStackTrace();
        }
    }

    /** Ends the process, with the exit code that the checks have earned. */
    void end() {
        System.exit(failed ? 1 : 0);
    }

    static void that(boolean holds, Object said) {
        if (!holds) {
            throw new AssertionError(said);
        }
    }

    static void equal(Object expected, Object actual) {
        that(expected.equals(actual), "expected " + expected + ", got " + actual);
    }

    /** Waits for what Apache Kafka's broker learns from its controller a moment after the answer. */
    static <T> void soon(T expected, Callable<T> actual) throws Exception {
        long end = System.nanoTime() + Clients.PATIENCE.toNanos();
        while (!expected.equals(actual.call()) && System.nanoTime() < end) {
            Thread.sleep(10);
        }
        equal(expected, actual.call());
    }
}
