using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;

namespace SK.FasterVlm.Server.Tests.Clients;

/// <summary>The official JavaScript SDK, in a process of its own per question.</summary>
/// <param name="server">Where to.</param>
/// <param name="key">The API key.</param>
/// <param name="api">chat or responses.</param>
sealed class NodeClient(Uri server, string key = "unused", string api = "chat") : ISdkClient
{
    static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Clients", "openai-node");
    static readonly Lazy<Task> Installed = new(InstallAsync);

    public async Task<SdkAnswer> AskAsync(SdkQuestion question, CancellationToken cancellationToken)
    {
        await Installed.Value;
        JsonObject input = new()
        {
            ["baseUrl"] = new Uri(server, "/v1").ToString(),
            ["apiKey"] = key,
            ["model"] = question.Model,
            ["text"] = question.Text,
            ["images"] = new JsonArray([.. question.Images.Select(static i => (JsonNode)$"data:image/jpeg;base64,{Convert.ToBase64String(i)}")]),
            ["after"] = After(question.Called),
            ["maxTokens"] = question.MaxTokens,
            ["stream"] = question.Stream,
            ["cancelAfter"] = question.CancelAfter,
            ["tools"] = new JsonArray([.. question.Tools.Select(static t =>
                (JsonNode)new JsonObject { ["name"] = t.Name, ["description"] = t.Description, ["parameters"] = t.Parameters.DeepClone() })]),
            ["toolChoice"] = question.ToolChoice,
            ["parallel"] = question.Parallel,
            ["schema"] = question.Schema?.DeepClone(),
        };
        JsonNode answer = JsonNode.Parse(await RunAsync("node", [$"ask-{api}.mjs"], input.ToJsonString(), cancellationToken))!;
        if (answer["error"] is { } error) throw new SdkException((int)error["status"]!, (string?)error["code"], (string?)error["param"]);
        return new SdkAnswer(
            (string)answer["text"]!, (string)answer["finish"]!,
            [.. answer["calls"]!.AsArray().Select(static c => new SdkCall((string)c!["id"]!, (string)c["name"]!, (string)c["arguments"]!))],
            (long)answer["inputTokens"]!, (long)answer["outputTokens"]!);
    }

    JsonArray After((SdkCall Call, string Result)? called)
    {
        if (called is not { } c) return [];
        if (api == "responses")
        {
            return
            [
                new JsonObject { ["type"] = "function_call", ["call_id"] = c.Call.Id, ["name"] = c.Call.Name, ["arguments"] = c.Call.Arguments },
                new JsonObject { ["type"] = "function_call_output", ["call_id"] = c.Call.Id, ["output"] = c.Result },
            ];
        }
        JsonObject call = new() { ["id"] = c.Call.Id, ["type"] = "function", ["function"] = new JsonObject { ["name"] = c.Call.Name, ["arguments"] = c.Call.Arguments } };
        return
        [
            new JsonObject { ["role"] = "assistant", ["content"] = null, ["tool_calls"] = new JsonArray(call) },
            new JsonObject { ["role"] = "tool", ["tool_call_id"] = c.Call.Id, ["content"] = c.Result },
        ];
    }

    /// <summary>Installs what the lock file says, once per build output.</summary>
    static async Task InstallAsync()
    {
        if (!File.Exists(Path.Combine(Folder, "node_modules", "openai", "package.json")))
            await RunAsync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], "", CancellationToken.None);
    }

    static async Task<string> RunAsync(string program, string[] arguments, string input, CancellationToken cancellationToken)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
        };
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} does not start.");
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken), error = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.StandardInput.WriteAsync(input.AsMemory(), cancellationToken);
        process.StandardInput.Close();
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? await output : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {await error}");
    }
}
