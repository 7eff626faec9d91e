using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Page;

/// <summary>
/// A real browser, driven by Playwright in a process of its own per scenario. Where there is none the test is skipped with the
/// reason, unless <c>FASTERVLM_REQUIRE_BROWSER</c> is 1, as .ci/run sets it: then it fails.
/// </summary>
static class Chromium
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Page", "browser");
    static readonly Lazy<Task<string?>> Missing = new(FindMissingAsync);

    static string? Executable => Environment.GetEnvironmentVariable("FASTERVLM_CHROMIUM") is { Length: > 0 } given
        ? given
        : new[] { "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome" }.FirstOrDefault(File.Exists);

    /// <summary>Plays a scenario of <c>browser/scenarios.mjs</c> and gives what was seen.</summary>
    /// <param name="scenario">Name of the function.</param>
    /// <param name="server">The server whose page it is.</param>
    /// <param name="input">What the scenario needs.</param>
    public static async Task<JsonNode> PlayAsync(string scenario, RunningServer server, object input)
    {
        if (await Missing.Value is { } reason)
        {
            if (Environment.GetEnvironmentVariable("FASTERVLM_REQUIRE_BROWSER") == "1") Assert.Fail(reason);
            Assert.Skip(reason);
        }
        JsonObject all = JsonSerializer.SerializeToNode(input, JsonSerializerOptions.Web)!.AsObject();
        all["scenario"] = scenario;
        all["url"] = server.Address.ToString();
        all["chromium"] = Executable;
        all["patienceMs"] = Patience.TotalMilliseconds;
        return JsonNode.Parse(await RunAsync("node", ["browse.mjs"], all.ToJsonString(), RunningServer.Test))!;
    }

    static async Task<string?> FindMissingAsync()
    {
        if (Executable is not { } path || !File.Exists(path))
            return "Chromium is not installed: install Debian's package 'chromium', or name a Chromium in FASTERVLM_CHROMIUM.";
        if (File.Exists(Path.Combine(Folder, "node_modules", "playwright-core", "package.json"))) return null;
        try
        {
            await RunAsync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], "", CancellationToken.None);
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return $"playwright-core cannot be installed, the page is not tested in a browser: {e.Message}";
        }
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
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken), error = process.StandardError.ReadToEndAsync(cancellationToken);
            await process.StandardInput.WriteAsync(input.AsMemory(), cancellationToken);
            process.StandardInput.Close();
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0 ? await output : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {await error}");
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
