package waymark.peers;

import java.util.Map;

/** What both Flink programs run with: state on the heap, checkpoints in files. */
final class FlinkSettings {
  private FlinkSettings() {}

  static Map<String, String> of(String folder) {
    return Map.of(
        "state.backend.type", "hashmap",
        "execution.checkpointing.dir", "file://" + folder,
        "execution.checkpointing.storage", "filesystem",
        "taskmanager.numberOfTaskSlots", "2",
        "taskmanager.memory.network.min", "64mb",
        "taskmanager.memory.network.max", "64mb",
        "rest.port", "0");
  }
}
