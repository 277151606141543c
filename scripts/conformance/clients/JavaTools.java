// Runs the command line tools of Apache Kafka one after another in one JVM, since each start of one costs seconds.
//
// One JSON request a line: {"tool": CLASS, "args": [...], "stdin": TEXT};
// one JSON answer a line:  {"code": N, "out": TEXT, "err": TEXT}.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.utils.Exit;

public class JavaTools {
    /** What a tool throws where it would end the JVM. Some catch even that, so what they do from then on does not count. */
    static class ExitCalled extends Error {
    }

    private static final Switch out = new Switch();
    private static final Switch err = new Switch();
    /** What the tool has answered once it has called for the JVM's end. */
    private static Map<String, Object> answer;

    /** Where System.out and System.err go: tools written in Scala keep the stream that they find first. */
    static class Switch extends OutputStream {
        ByteArrayOutputStream target = new ByteArrayOutputStream();

        @Override
        public synchronized void write(int b) {
            target.write(b);
        }

        @Override
        public synchronized void write(byte[] bytes, int start, int count) {
            target.write(bytes, start, count);
        }

        synchronized String take() {
            String text = target.toString(StandardCharsets.UTF_8);
            target = new ByteArrayOutputStream();
            return text;
        }
    }

    public static void main(String[] ignored) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        List<Runnable> hooks = new ArrayList<>();
        Exit.setExitProcedure(JavaTools::exit);
        Exit.setHaltProcedure(JavaTools::exit);
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            JsonNode request = json.readTree(line);
            List<String> args = new ArrayList<>();
            request.get("args").forEach(arg -> args.add(arg.asText()));
            System.setIn(new ByteArrayInputStream(request.path("stdin").asText("").getBytes(StandardCharsets.UTF_8)));
            answer = null;
            int code = run(request.get("tool").asText(), args.toArray(new String[0]));
            if (answer == null) answer = take(code);
            for (Runnable hook : hooks) {
                Thread thread = new Thread(hook);
                thread.setDaemon(true);
                thread.start();
                thread.join(5000);
            }
            hooks.clear();
            answers.println(json.writeValueAsString(answer));
            take(0);
        }
        Runtime.getRuntime().halt(0);
    }

    private static Map<String, Object> take(int code) {
        System.out.flush();
        System.err.flush();
        return Map.of("code", code, "out", out.take(), "err", err.take());
    }

    private static void exit(int code, String message) {
        if (message != null) System.err.println(message);
        if (answer == null) answer = take(code);
        throw new ExitCalled();
    }

    private static int run(String tool, String[] args) throws Exception {
        try {
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) args);
            return 0;
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof ExitCalled)) thrown.getCause().printStackTrace();
            return 1;
        }
    }
}
