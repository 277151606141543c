// Runs the command line tools of Apache Kafka in one JVM, since each start of one costs seconds: one after another, and
// beside them such as run until they are told to end (members of groups).
//
// One JSON request a line, one JSON answer a line. An answer is {"code": N, "out": TEXT, "err": TEXT}.
//
//   {"tool": CLASS, "args": [...], "stdin": TEXT}   runs a tool to its end
//   {"start": NAME, "tool": CLASS, "args": [...]}   starts one beside the others; answers at once
//   {"look": NAME}                                  what it has written so far; the code is -1 while it runs
//   {"stop": NAME}                                  does what SIGTERM would; answers once it has ended

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import net.sourceforge.argparse4j.inf.ArgumentParser;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.tools.VerifiableConsumer;

public class JavaTools {
    private static final long END_TIMEOUT_MS = 15_000;
    /** The tool that a thread belongs to; threads that a tool starts belong to it too. */
    private static final InheritableThreadLocal<Run> current = new InheritableThreadLocal<>();

    /** What a tool throws where it would end the JVM. Some catch even that, so what they do from then on does not count. */
    static class ExitCalled extends Error {
    }

    /** One run of a tool, with its own streams, exit code and shutdown hooks. */
    static class Run {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteArrayOutputStream err = new ByteArrayOutputStream();
        final InputStream in;
        final List<Runnable> hooks = new ArrayList<>();
        final Thread thread;
        /** What the tool had answered when it called for the JVM's end; what it writes from then on does not count. */
        private Map<String, Object> answer;
        private int code = -1;

        Run(JsonNode request) {
            in = new ByteArrayInputStream(request.path("stdin").asText("").getBytes(StandardCharsets.UTF_8));
            List<String> args = new ArrayList<>();
            request.get("args").forEach(arg -> args.add(arg.asText()));
            String tool = request.get("tool").asText();
            thread = new Thread(() -> {
                current.set(this);
                ended(call(tool, args.toArray(new String[0])));
            }, tool);
            thread.setDaemon(true);
            thread.start();
        }

        synchronized void ended(int code) {
            this.code = code;
        }

        synchronized void exit(int code) {
            if (answer == null) answer = texts(code);
        }

        /** The answer, or what there is of it: threads of a tool may write when it has ended. */
        synchronized Map<String, Object> look() {
            return answer == null ? texts(code) : answer;
        }

        private Map<String, Object> texts(int code) {
            return Map.of("code", code, "out", out.toString(StandardCharsets.UTF_8), "err", err.toString(StandardCharsets.UTF_8));
        }

        synchronized void addHook(Runnable hook) {
            hooks.add(hook);
        }

        private synchronized List<Runnable> takeHooks() {
            List<Runnable> taken = new ArrayList<>(hooks);
            hooks.clear();
            return taken;
        }

        void runHooks() throws InterruptedException {
            for (Runnable hook : takeHooks()) {
                Thread runner = new Thread(() -> {
                    current.set(this);
                    hook.run();
                });
                runner.setDaemon(true);
                runner.start();
                runner.join(5000);
            }
        }
    }

    /** Where System.out and System.err go: each tool's to its own; tools written in Scala keep the stream that they find first. */
    static class Switch extends OutputStream {
        private final boolean isErr;

        Switch(boolean isErr) {
            this.isErr = isErr;
        }

        private OutputStream target() {
            Run run = current.get();
            return run == null ? OutputStream.nullOutputStream() : isErr ? run.err : run.out;
        }

        @Override
        public void write(int b) throws java.io.IOException {
            target().write(b);
        }

        @Override
        public void write(byte[] bytes, int start, int count) throws java.io.IOException {
            target().write(bytes, start, count);
        }
    }

    static class Input extends InputStream {
        private InputStream source() {
            Run run = current.get();
            return run == null ? InputStream.nullInputStream() : run.in;
        }

        @Override
        public int read() throws java.io.IOException {
            return source().read();
        }

        @Override
        public int read(byte[] bytes, int start, int count) throws java.io.IOException {
            return source().read(bytes, start, count);
        }
    }

    /**
     * Fills a partition with numbers, as values, at a time: BOOTSTRAP TOPIC PARTITION FIRST COUNT TIMESTAMP_MS. None of
     * Kafka's tools sets the partition and the time both.
     */
    public static class Fill {
        public static void main(String[] args) throws Exception {
            Properties settings = new Properties();
            settings.put("bootstrap.servers", args[0]);
            settings.put("linger.ms", "5");
            try (KafkaProducer<String, String> producer =
                    new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
                int first = Integer.parseInt(args[3]);
                int count = Integer.parseInt(args[4]);
                var sent = new ArrayList<java.util.concurrent.Future<?>>();
                for (int i = first; i < first + count; i++) {
                    sent.add(producer.send(new ProducerRecord<>(args[1], Integer.valueOf(args[2]),
                        Long.valueOf(args[5]), null, Integer.toString(i))));
                }
                for (var each : sent) each.get();
            }
        }
    }

    /** VerifiableConsumer, which would hang its end on the JVM's. */
    public static class Verifiable {
        public static void main(String[] args) throws Exception {
            var parser = VerifiableConsumer.class.getDeclaredMethod("argParser");
            parser.setAccessible(true);
            VerifiableConsumer consumer =
                VerifiableConsumer.createFromArgs((ArgumentParser) parser.invoke(null), args);
            Exit.addShutdownHook("close", consumer::close);
            consumer.run();
        }
    }

    public static void main(String[] ignored) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setIn(new Input());
        System.setOut(new PrintStream(new Switch(false), true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new Switch(true), true, StandardCharsets.UTF_8));
        Exit.setExitProcedure(JavaTools::exit);
        Exit.setHaltProcedure(JavaTools::exit);
        Exit.setShutdownHookAdder((name, hook) -> current.get().addHook(hook));
        Map<String, Run> beside = new HashMap<>();
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            answers.println(json.writeValueAsString(answer(json.readTree(line), beside)));
        }
        Runtime.getRuntime().halt(0);
    }

    private static Map<String, Object> answer(JsonNode request, Map<String, Run> beside) throws InterruptedException {
        if (request.has("look")) return beside.get(request.get("look").asText()).look();
        if (request.has("start")) {
            Run run = new Run(request);
            beside.put(request.get("start").asText(), run);
            return Map.of("code", 0, "out", "", "err", "");
        }
        if (request.has("stop")) {
            Run run = beside.remove(request.get("stop").asText());
            run.runHooks();
            run.thread.join(END_TIMEOUT_MS);
            return run.look();
        }
        Run run = new Run(request);
        run.thread.join();
        Map<String, Object> answer = run.look();
        run.runHooks();
        return answer;
    }

    private static void exit(int code, String message) {
        if (message != null) System.err.println(message);
        System.out.flush();
        System.err.flush();
        current.get().exit(code);
        throw new ExitCalled();
    }

    private static int call(String tool, String[] args) {
        try {
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) args);
            return 0;
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof ExitCalled)) thrown.getCause().printStackTrace();
            return 1;
        } catch (ReflectiveOperationException thrown) {
            thrown.printStackTrace();
            return 1;
        }
    }
}
