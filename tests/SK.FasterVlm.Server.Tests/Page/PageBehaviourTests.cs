using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Page;

/// <summary>The page in a browser, over answers that a real model would not give on demand.</summary>
public sealed class PageBehaviourTests
{
    [Fact]
    public async Task Stop_and_Escape_end_the_answer_on_the_server_too()
    {
        TaskCompletionSource[] ended = [new(), new()];
        int asked = 0;
        ScriptedChatClient client = new();
        client.Script = request => Endless(ended[Interlocked.Increment(ref asked) - 1], request.Cancellation);
        await using RunningServer server = await RunningServer.StartAsync(client);
        JsonNode seen = await Chromium.PlayAsync("stop", server, new { question = "Count." });
        await Task.WhenAll(ended.Select(static e => e.Task)).WaitAsync(RunningServer.Test);
        Assert.Equal("true", (string)seen["busy"]!);
        foreach (string way in new[] { "clicked", "pressed" })
        {
            Assert.StartsWith("word ", (string)seen[way]!["answer"]!);
            Assert.Equal(("Stopped; this is what came until then.", "false"), ((string)seen[way]!["state"]!, (string)seen[way]!["busy"]!));
        }
        Assert.True((bool)seen["ready"]!);
        Assert.Equal("", (string)seen["error"]!);
        Assert.Empty(seen["problems"]!.AsArray());
    }

    [Fact]
    public async Task A_key_is_asked_for_and_sent()
    {
        await using RunningServer server = await RunningServer.StartAsync(options: static o => o.ApiKeys = ["right-key-1"]);
        JsonNode seen = await Chromium.PlayAsync("key", server, new { question = "Hello", wrong = "wrong-key-1", right = "right-key-1" });
        Assert.Equal("""This server wants an API key; enter the right one under "More settings".""", (string)seen["refused"]!);
        Assert.Equal(("An answer.", "password"), ((string)seen["pane"]!["answer"]!, (string)seen["type"]!));
        Assert.True((bool)seen["focused"]!);
        Assert.All(seen["problems"]!.AsArray(), static p => Assert.Contains("status of 401", (string)p!)); // as the browser reports refused requests
    }

    [Fact]
    public async Task A_failure_in_the_middle_is_said_and_what_came_stays()
    {
        ScriptedChatClient client = new() { Script = static _ => ScriptedChatClient.Fail(new InvalidOperationException("secret"), "Half an ", "ans") };
        await using RunningServer server = await RunningServer.StartAsync(client);
        JsonNode seen = await Chromium.PlayAsync("failure", server, new { question = "Hello" });
        Assert.Equal("Half an ans", (string)seen["pane"]!["answer"]!);
        Assert.NotEmpty((string)seen["error"]!);
        Assert.DoesNotContain("secret", (string)seen["error"]!);
        Assert.Empty(seen["problems"]!.AsArray());
    }

    [Fact]
    public async Task A_busy_server_is_said_with_when_to_come_back_and_can_be_asked_again()
    {
        int asked = 0;
        ScriptedChatClient client = new();
        client.Script = _ => Interlocked.Increment(ref asked) == 1
            ? ScriptedChatClient.Fail(new ServerBusyException(64, TimeSpan.FromSeconds(6.2)))
            : ScriptedChatClient.Say("Now ", "then.");
        await using RunningServer server = await RunningServer.StartAsync(client);
        JsonNode seen = await Chromium.PlayAsync("busy", server, new { question = "Hello" });
        Assert.Equal("The server is busy with other questions. Try again in 7 s.", (string)seen["refused"]!["error"]!);
        Assert.Equal(("", "No answer.", "false"), ((string)seen["refused"]!["pane"]!["answer"]!, (string)seen["refused"]!["pane"]!["state"]!, (string)seen["refused"]!["pane"]!["busy"]!));
        Assert.Equal(("Now then.", ""), ((string)seen["pane"]!["answer"]!, (string)seen["error"]!));
        Assert.Contains("status of 429", (string)Assert.Single(seen["problems"]!.AsArray())!); // as the browser reports refused requests
    }

    [Fact]
    public async Task The_file_chosen_last_is_the_one_however_long_another_takes_to_read()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode seen = await Chromium.PlayAsync("overlappingFiles", server, new { picture = Convert.ToBase64String(PageServer.Picture) });
        // It can be asked only when nothing is being read.
        Assert.Equal((false, true, false, true), ((bool)seen["whileReading"]!, (bool)seen["afterSecond"]!, (bool)seen["whileThird"]!, (bool)seen["afterRemoval"]!));
        Assert.Contains("second.jpg", (string)seen["note"]!);
        Assert.True((bool)seen["hidden"]!, "A picture came back after it had been removed.");
        Assert.Empty(seen["problems"]!.AsArray());
    }

    [Fact]
    public async Task Asking_twice_at_once_asks_once()
    {
        ScriptedChatClient client = new();
        await using RunningServer server = await RunningServer.StartAsync(client);
        JsonNode seen = await Chromium.PlayAsync("twiceAtOnce", server, new { question = "Hello" });
        Assert.Equal((1, 1, "polite"), (client.Count, (int)seen["panes"]!, (string)seen["live"]!));
        Assert.Single(seen["sent"]!.AsArray());
        Assert.Empty(seen["problems"]!.AsArray());
    }

    [Fact]
    public async Task Text_never_becomes_markup()
    {
        const string Attack = "<img src=x onerror=alert(1)><b>bold</b>";
        ScriptedChatClient client = new() { Script = static _ => ScriptedChatClient.Say(Attack, "\nsecond line") };
        await using RunningServer server = await RunningServer.StartAsync(client);
        JsonNode seen = await Chromium.PlayAsync("otherWays", server, new { question = Attack, picture = Convert.ToBase64String(PageServer.Picture) });
        Assert.Equal($"{Attack}\nsecond line", (string)seen["pane"]!["answer"]!);
        Assert.Empty(seen["problems"]!.AsArray());
    }

    static async IAsyncEnumerable<ChatResponseUpdate> Endless(
        TaskCompletionSource ended, CancellationToken request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        try
        {
            for (; ; )
            {
                yield return new ChatResponseUpdate(ChatRole.Assistant, "word ");
                await Task.Delay(20, request);
            }
        }
        finally
        {
            ended.TrySetResult();
        }
    }
}
