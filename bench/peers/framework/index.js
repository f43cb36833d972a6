// The benchmark's handler on Google's functions framework.
const functions = require("@google-cloud/functions-framework");

functions.http("hello", (request, response) => response.type("text/plain").send("hello"));
