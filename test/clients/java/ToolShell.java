import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.common.utils.Exit;

/**
 * Kafka's command line tools in one virtual machine, since starting one takes longer than any of them works: each line of
 * stdin is a tool's class and its arguments, separated by tabs. What the tool printed follows, and a line that says
 * {@code exit CODE}.
 */
public class ToolShell {
  private static class Exited extends RuntimeException {
    final int code;

    Exited(int code) {
      super(null, null, false, false);
      this.code = code;
    }
  }

  public static void main(String[] args) throws Exception {
    PrintStream out = System.out;
    Exit.setExitProcedure((code, message) -> {
      throw new Exited(code);
    });
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split("\t");
      ByteArrayOutputStream printed = new ByteArrayOutputStream();
      PrintStream capture = new PrintStream(printed, true, StandardCharsets.UTF_8);
      System.setOut(capture);
      System.setErr(capture);
      int code = run(words[0], Arrays.copyOfRange(words, 1, words.length), capture);
      out.writeBytes(printed.toByteArray());
      out.println("exit " + code);
      out.flush();
    }
  }

  private static int run(String tool, String[] args, PrintStream complaints) throws Exception {
    try {
      Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) args);
      return 0;
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof Exited) return ((Exited) e.getCause()).code;
      e.getCause().printStackTrace(complaints);
      return 1;
    }
  }
}
