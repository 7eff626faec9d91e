using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace SK.FasterVlm.Cli.Tests;

public sealed class ServeTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("--host", "0.0.0.0")]
    [InlineData("--host", "*")]
    [InlineData("--host", "192.168.1.7")]
    public async Task Another_address_than_loopback_needs_a_key(params string[] options)
    {
        CliRun run = await CliRun.InProcessAsync(["serve", .. options]);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains("API key", Assert.Single(run.ErrorLines));
    }

    [Theory]
    [InlineData("--host", "example.com")]
    [InlineData("--image-network", "10.1.0.0/99")]
    [InlineData("--image-host", "a b")]
    [InlineData("--api-key", "short")]
    public async Task What_cannot_be_used_is_one_line_and_exit_code_1(params string[] options)
    {
        CliRun run = await CliRun.InProcessAsync(["serve", .. options]);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Single(run.ErrorLines);
    }

    [Theory]
    [InlineData("--port", "70000")]
    [InlineData("--detail-low", "many")]
    [InlineData("--timeout", "0")]
    [InlineData("--parallel", "0")]
    [InlineData("--queue", "-1")]
    [InlineData("--drain", "3601")]
    public async Task A_wrong_value_is_a_wrong_command_line(params string[] options) =>
        Assert.Equal(ExitCodes.Usage, (await CliRun.InProcessAsync(["serve", .. options])).ExitCode);

    [Fact]
    public async Task L9_It_serves_the_embedded_model_until_a_signal_comes_and_then_ends_well()
    {
        using Process process = CliRun.Start("serve", "--port", "0", "--threads", "1", "--alias", "gpt-4o-mini");
        try
        {
            string address = await AddressAsync(process);
            using HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(address) };
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/health/ready", Test)).StatusCode);
            using StringContent body = new(
                """{"model":"gpt-4o-mini","max_tokens":3,"messages":[{"role":"user","content":"Hello"}]}""", Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await http.PostAsync("/v1/chat/completions", body, Test);
            JsonNode answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(Test))!;
            Assert.NotEmpty((string)answer["choices"]![0]!["message"]!["content"]!);

            using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
            await process.WaitForExitAsync(Test);
            Assert.Equal(ExitCodes.Success, process.ExitCode);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    [Fact]
    public async Task L9_A_signal_ends_an_answer_that_does_not_and_then_the_server_well()
    {
        // Without its end of text (token 2) the model goes on to the end of this context, which is minutes away.
        using Process process = CliRun.Start(
            "serve", "--port", "0", "--threads", "1", "--context", "60000", "--parallel", "1", "--max-tokens", "1000000", "--drain", "1");
        try
        {
            using HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(await AddressAsync(process)) };
            using HttpRequestMessage request = new(HttpMethod.Post, "/v1/chat/completions")
            {
                Content = new StringContent(
                    """{"model":"tiny-llava","stream":true,"logit_bias":{"2":-100},"messages":[{"role":"user","content":"Hello"}]}""", Encoding.UTF8, "application/json"),
            };
            using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Test);
            using StreamReader answer = new(await response.Content.ReadAsStreamAsync(Test));
            Assert.StartsWith("data: ", await answer.ReadLineAsync(Test));

            using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
            await Assert.ThrowsAnyAsync<IOException>(async () => // broken off, never "[DONE]"
            {
                while (await answer.ReadLineAsync(Test) is { } line) Assert.DoesNotContain("[DONE]", line, StringComparison.Ordinal);
            });
            await process.WaitForExitAsync(Test);
            Assert.Equal((ExitCodes.Success, ""), (process.ExitCode, (await process.StandardError.ReadToEndAsync(Test)).Trim()));
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    [Fact]
    public async Task Several_conversations_of_full_length_have_room_in_the_cache_of_a_small_model()
    {
        using Process process = CliRun.Start("serve", "--port", "0", "--threads", "1");
        try
        {
            using HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(await AddressAsync(process)) };
            JsonNode model = JsonNode.Parse(await http.GetStringAsync("/v1/models", Test))!["data"]![0]!["fastervlm"]!;
            Assert.Equal((1024, 4096), ((int)model["context_length"]!, (int)model["kv_cache_length"]!));
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    [Fact]
    public async Task Servers_are_measured_side_by_side()
    {
        using TemporaryDirectory directory = new();
        using Process process = CliRun.Start("serve", "--port", "0", "--threads", "1", "--parallel", "3", "--kv-length", "2048");
        try
        {
            string address = (await AddressAsync(process)).TrimEnd('/') + "/v1";
            string report = Path.Combine(directory.Path, "load");
            CliRun run = await CliRun.InProcessAsync(
                ["bench", "load", "--url", address, "--url", address, "--runs", "2", "--streams", "3", "--max-tokens", "5", "--ban", "2,131-258", "--report", report]);
            Assert.True(run.ExitCode == 0, run.Error);
            Assert.Equal(run.Output, await File.ReadAllTextAsync($"{report}.md", Test));
            Assert.Contains("| 3 streams at once (tokens/s) |", run.Output, StringComparison.Ordinal);
            JsonNode servers = JsonNode.Parse(await File.ReadAllTextAsync($"{report}.json", Test))!["servers"]!;
            Assert.Equal([2, 2], servers.AsArray().Select(static s => s!["samples"]!.AsArray().Count));
            Assert.All(servers.AsArray(), static s => Assert.True((double)s!["samples"]![0]!["togetherTokensPerSecond"]! > 0));
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_an_error_and_not_a_defect()
    {
        CliRun run = await CliRun.InProcessAsync(["bench", "load", "--url", "http://127.0.0.1:1/v1"]);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains("does not answer as an OpenAI-compatible server", run.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Usage, (await CliRun.InProcessAsync(["bench", "load", "--url", "here"])).ExitCode);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("5-2")]
    [InlineData("1-2-3")]
    [InlineData("-1")]
    [InlineData("0-9999999")]
    [InlineData(",")]
    public async Task Tokens_that_are_no_numbers_are_refused(string tokens)
    {
        CliRun run = await CliRun.InProcessAsync(["bench", "load", "--url", "http://127.0.0.1:1/v1", $"--ban={tokens}"]);
        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Contains(tokens, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_goes_away_is_an_error_and_not_a_defect()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        Task server = Task.Run(async () =>
        {
            // Answers the list of models, then hangs up.
            for (int i = 0; i < 2; i++)
            {
                using TcpClient client = await listener.AcceptTcpClientAsync(Test);
                if (i == 1) break;
                const string Models = """{"data":[{"id":"m"}]}""";
                NetworkStream stream = client.GetStream();
                Assert.True(await stream.ReadAsync(new byte[4096], Test) > 0);
                await stream.WriteAsync(Encoding.ASCII.GetBytes(
                    $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Models.Length}\r\nConnection: close\r\n\r\n{Models}"), Test);
            }
        }, Test);
        string address = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/v1";
        CliRun run = await CliRun.InProcessAsync(["bench", "load", "--url", address, "--runs", "1"]);
        await server;
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains($"{address} broke the connection off", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("defect", run.Error, StringComparison.Ordinal);
    }

    static async Task<string> AddressAsync(Process process)
    {
        while (await process.StandardOutput.ReadLineAsync(Test) is { } line)
            if (line.StartsWith("Listening on ", StringComparison.Ordinal)) return line["Listening on ".Length..];
        throw new InvalidOperationException(await process.StandardError.ReadToEndAsync(Test));
    }
}
