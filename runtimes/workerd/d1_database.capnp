using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "database", worker = (
      modules = [
        (name = "d1_database.js", esModule = embed "d1_database.js"),
        (name = "settings.json", json = embed "settings.json"),
      ],
      compatibilityDate = "2025-09-01",
      bindings = [(name = "DATABASE", durableObjectNamespace = "Database")],
      durableObjectNamespaces = [(className = "Database", uniqueKey = "d1", enableSql = true)],
      durableObjectStorage = (localDisk = "state"),
    )),
    (name = "state", disk = (path = "/var/state", writable = true)),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:8080", http = (), service = "database"),
    (name = "events", address = "127.0.0.1:8081", http = (), service = "database"),
  ],
);
