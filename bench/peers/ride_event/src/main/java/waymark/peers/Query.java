package waymark.peers;

/** What all systems are asked for. */
public final class Query {
  /** How long a window is; it slides by a minute. */
  public static final int WINDOW_MINUTES =
      Integer.parseInt(System.getenv().getOrDefault("WINDOW_MINUTES", "5"));

  private Query() {}
}
