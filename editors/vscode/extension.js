// Starts the language server and hands everything to it. CommonJS, no build step.
"use strict";

const { workspace, window } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

/** The command of the server from the settings, with ${workspaceFolder} put in. */
function serverCommand() {
  const folder = workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  const words = workspace.getConfiguration("vnasdsl").get("command", ["vnasdsl", "lsp"]);
  return words.map((word) => word.replaceAll("${workspaceFolder}", folder));
}

async function activate(context) {
  const [command, ...args] = serverCommand();
  client = new LanguageClient(
    "vnasdsl",
    "vnasdsl",
    { command, args },
    {
      documentSelector: [{ language: "vns" }],
      synchronize: { fileEvents: workspace.createFileSystemWatcher("**/*.vns") },
    },
  );
  context.subscriptions.push({ dispose: () => client?.stop() });
  try {
    await client.start();
  } catch (fault) {
    window.showErrorMessage(
      `vnasdsl: the server \`${command}\` does not start (${fault.message}). ` +
        "Install it with pip install 'vnasdsl[lsp]', or set vnasdsl.command.",
    );
  }
}

function deactivate() {
  return client?.stop();
}

module.exports = { activate, deactivate };
