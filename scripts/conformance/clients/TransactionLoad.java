// Producers that commit one transaction after the other, each to a partition of its own, for scripts/bench_transactions.ts.
// usage: java TransactionLoad.java BOOTSTRAP TOPIC PRODUCERS RECORDS
// Says "ready" when all have their ids. Then, for each line "P N" of standard input, the first P producers commit N
// transactions of RECORDS records each, at once; a line of JSON says how fast that went. commitTransaction() is what is timed.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class TransactionLoad {
    private static final int RECORD_BYTES = 100;

    private final String topic;
    private final int recordCount;
    private final List<KafkaProducer<byte[], byte[]>> producers = new ArrayList<>();

    private TransactionLoad(String bootstrap, String topic, int producerCount, int recordCount) {
        this.topic = topic;
        this.recordCount = recordCount;
        for (int i = 0; i < producerCount; i++) {
            Properties config = new Properties();
            config.put("bootstrap.servers", bootstrap);
            config.put("transactional.id", "load-" + i);
            // The same for all versions of the client, whose defaults differ; a commit does not wait for it.
            config.put("linger.ms", "5");
            KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
            producer.initTransactions();
            producers.add(producer);
        }
    }

    /** Nanoseconds that each commit took. */
    private long[] commit(int index, int transactionCount) {
        KafkaProducer<byte[], byte[]> producer = producers.get(index);
        byte[] value = new byte[RECORD_BYTES];
        long[] taken = new long[transactionCount];
        for (int i = 0; i < transactionCount; i++) {
            producer.beginTransaction();
            for (int j = 0; j < recordCount; j++) {
                producer.send(new ProducerRecord<>(topic, index, null, value));
            }
            long start = System.nanoTime();
            // Client 4.1.0 may ask for the end before it has sent the records, where its sender looks for what is
            // left just before they come; then the coordinator has nothing to commit (INVALID_TXN_STATE).
            producer.flush();
            producer.commitTransaction();
            taken[i] = System.nanoTime() - start;
        }
        return taken;
    }

    private void run(int producerCount, int transactionCount) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(producerCount);
        long start = System.nanoTime();
        List<Future<long[]>> running = new ArrayList<>();
        for (int i = 0; i < producerCount; i++) {
            int index = i;
            running.add(threads.submit((Callable<long[]>) () -> commit(index, transactionCount)));
        }
        long[] all = new long[producerCount * transactionCount];
        for (int i = 0; i < producerCount; i++) {
            System.arraycopy(running.get(i).get(), 0, all, i * transactionCount, transactionCount);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        threads.shutdown();
        Arrays.sort(all);
        System.out.printf(
            Locale.ROOT,
            "{\"perSecond\":%.2f,\"p50Ms\":%.3f,\"p99Ms\":%.3f,\"longestMs\":%.3f}%n",
            all.length / seconds,
            all[all.length / 2] / 1e6,
            all[(int) (all.length * 0.99)] / 1e6,
            all[all.length - 1] / 1e6);
    }

    public static void main(String[] args) throws Exception {
        TransactionLoad load =
            new TransactionLoad(args[0], args[1], Integer.parseInt(args[2]), Integer.parseInt(args[3]));
        System.out.println("ready");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        try {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] words = line.split(" ");
                load.run(Integer.parseInt(words[0]), Integer.parseInt(words[1]));
            }
        } catch (ExecutionException e) {
            e.printStackTrace();
            System.exit(1); // Threads of the producers would keep the process.
        }
        for (KafkaProducer<byte[], byte[]> producer : load.producers) producer.close();
    }
}
