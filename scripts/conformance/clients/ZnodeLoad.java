// Load on a ZooKeeper service, by ZooKeeper's own client.
//
//   java ZnodeLoad HOST:PORT[,HOST:PORT...]
//
// Reads one line for each load from standard input and answers it with one:
//
//   SESSIONS OUTSTANDING WRITE_PERCENT WARM_UP_MS MEASURED_MS
//   begin                            when the warm-up is over
//   end OPERATIONS NANOSECONDS FAILED
//
// Each session has one znode of 1 kB, keeps OUTSTANDING operations on their way, and
// stays open for the next load; session i uses server i modulo their number.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.apache.zookeeper.AsyncCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

public class ZnodeLoad {
  private static final int NODE_BYTES = 1000;
  private static final int SESSION_TIMEOUT_MS = 30_000;
  private static final int OPENED_AT_ONCE = 50;
  private static final String ROOT = "/load";

  private final String[] servers;
  private final byte[] data = new byte[NODE_BYTES];
  private final List<ZooKeeper> sessions = new ArrayList<>();
  private final LongAdder succeeded = new LongAdder();
  private final LongAdder failed = new LongAdder();
  private final AtomicLong underWay = new AtomicLong();
  private volatile boolean isStopping;

  private ZnodeLoad(String[] servers) {
    this.servers = servers;
  }

  public static void main(String[] args) throws Exception {
    ZnodeLoad load = new ZnodeLoad(args[0].split(","));
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] words = line.trim().split(" ");
      int[] numbers = new int[words.length];
      for (int i = 0; i < words.length; i++) numbers[i] = Integer.parseInt(words[i]);
      load.run(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
    }
    // The servers are stopped next; nobody needs the sessions to be closed.
    System.exit(0);
  }

  private void run(int count, int outstanding, int writePercent, int warmUpMs, int measuredMs)
      throws Exception {
    while (sessions.size() < count) open(Math.min(OPENED_AT_ONCE, count - sessions.size()));
    isStopping = false;
    for (int i = 0; i < count; i++) {
      for (int k = 0; k < outstanding; k++) {
        underWay.incrementAndGet();
        new Operation(sessions.get(i), pathOf(i), writePercent).start();
      }
    }
    Thread.sleep(warmUpMs);
    say("begin");
    long operations = succeeded.sum();
    long startNs = System.nanoTime();
    Thread.sleep(measuredMs);
    operations = succeeded.sum() - operations;
    long ns = System.nanoTime() - startNs;
    isStopping = true;
    while (underWay.get() > 0) Thread.sleep(1);
    say("end " + operations + " " + ns + " " + failed.sumThenReset());
  }

  private void open(int count) throws Exception {
    List<ZooKeeper> opened = new ArrayList<>();
    CountDownLatch connected = new CountDownLatch(count);
    for (int i = 0; i < count; i++) {
      String server = servers[(sessions.size() + i) % servers.length];
      opened.add(new ZooKeeper(server, SESSION_TIMEOUT_MS, event -> {
        if (event.getState() == Watcher.Event.KeeperState.SyncConnected) connected.countDown();
      }));
    }
    if (!connected.await(60, TimeUnit.SECONDS)) throw new IllegalStateException("no session");
    for (ZooKeeper session : opened) {
      if (sessions.isEmpty()) make(session, ROOT);
      // Of the server that it reads from, which may not have it yet elsewhere.
      make(session, pathOf(sessions.size()));
      sessions.add(session);
    }
  }

  private void make(ZooKeeper session, String path) throws Exception {
    try {
      session.create(path, data, ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    } catch (KeeperException.NodeExistsException left) {
      // By a load before.
    }
  }

  private static String pathOf(int session) {
    return ROOT + "/" + session;
  }

  private static void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  /** One of those on their way: when it ends, the next begins. */
  private final class Operation implements AsyncCallback.StatCallback, AsyncCallback.DataCallback {
    private final ZooKeeper session;
    private final String path;
    private final int writePercent;

    Operation(ZooKeeper session, String path, int writePercent) {
      this.session = session;
      this.path = path;
      this.writePercent = writePercent;
    }

    void start() {
      if (ThreadLocalRandom.current().nextInt(100) < writePercent) {
        session.setData(path, data, -1, this, null);
      } else {
        session.getData(path, false, this, null);
      }
    }

    @Override
    public void processResult(int code, String path, Object context, Stat stat) {
      ended(code);
    }

    @Override
    public void processResult(int code, String path, Object context, byte[] read, Stat stat) {
      ended(code);
    }

    private void ended(int code) {
      if (code == KeeperException.Code.OK.intValue()) succeeded.increment();
      else failed.increment();
      if (isStopping) underWay.decrementAndGet();
      else start();
    }
  }
}
