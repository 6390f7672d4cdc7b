import java.util.concurrent.Callable;
import java.util.function.Predicate;

/** A line a step, and waiting. */
final class Steps {
    private static final long PATIENCE_MS = 60_000;

    private boolean failed;

    interface Action {
        void run() throws Exception;
    }

    void step(String name, Action action) {
        try {
            action.run();
            System.out.println("ok " + name);
        } catch (Exception | AssertionError error) {
            failed = true;
            System.out.println("FAILED " + name + ": " + error);
        }
    }

    void end() {
        System.exit(failed ? 1 : 0);
    }

    static void expect(boolean holds, Object seen) {
        if (!holds) {
            throw new AssertionError("unexpected: " + seen);
        }
    }

    /** Looks again until it holds. */
    static <T> void until(Callable<T> look, Predicate<T> holds) throws Exception {
        long deadline = System.nanoTime() + PATIENCE_MS * 1_000_000;
        for (T seen = look.call(); !holds.test(seen); seen = look.call()) {
            expect(System.nanoTime() < deadline, seen);
            Thread.sleep(50);
        }
    }

    /** The action must fail with this error, which is given. */
    static <E extends Exception> E refused(Class<E> kind, Action action) throws Exception {
        try {
            action.run();
        } catch (Exception error) {
            expect(error.getClass() == kind, error);
            return kind.cast(error);
        }
        throw new AssertionError("not refused");
    }
}
