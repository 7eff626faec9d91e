using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using SK.FasterVlm.Server.Requests;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>Row H1: clients that take their time. Kestrel ends them by and by, which is switched off here, so that they hold what they can.</summary>
public sealed class SlowClientTests(EmbeddedServer embedded) : CanaryServer(embedded)
{
    const string Post = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

    [Fact]
    public async Task H1_other_clients_are_served_while_two_hundred_slow_ones_hold_on()
    {
        await using RunningServer server = await StartAsync();
        Admission admission = server.Services.GetRequiredService<Admission>();
        string[] questions = ["What is in the picture?", "Which colour?", "How many?", "Where?"];
        string[] alone = new string[4];
        for (int i = 0; i < 4; i++) alone[i] = await AskAsync(server, questions[i], i);
        List<Socket> slow = [];
        try
        {
            // Half of a header; a body of which little comes; a body in pieces without end; a body of 20 MB of which nothing comes.
            string[] begun =
            [
                $"{Post}X-Slow: ", $"{Post}Content-Length: 1000\r\n\r\n{{\"model\":",
                $"{Post}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n", $"{Post}Content-Length: 20000000\r\n\r\n",
            ];
            for (int i = 0; i < 200; i++) slow.Add(await BeginAsync(server, begun[i % 4]));
            await Waiting.UntilAsync(() => admission.Incoming == 150); // those whose header is whole
            Assert.Equal(0, admission.Requests);
            Task[] clients = [.. Enumerable.Range(0, 4).Select(async i =>
            {
                for (int round = 0; round < 3; round++) Assert.Equal(alone[i], await AskAsync(server, questions[i], i));
            })];
            // Meanwhile they go on, a byte at a time.
            foreach (Socket socket in slow) await socket.SendAsync("1"u8.ToArray(), Test);
            await Task.WhenAll(clients);
            Assert.True(admission.Incoming > 0, "no slow client was left to be slow"); // a chunk that begins with 1 may end its request
        }
        finally
        {
            foreach (Socket socket in slow) socket.Dispose();
        }
        await Waiting.UntilAsync(() => admission.Incoming == 0);
        Assert.Equal(alone[0], await AskAsync(server, questions[0], 0));
    }

    [Fact]
    public async Task H1_a_few_clients_that_announce_much_and_send_little_take_nothing_from_others()
    {
        await using RunningServer server = await StartAsync();
        Admission admission = server.Services.GetRequiredService<Admission>();
        List<Socket> slow = [];
        try
        {
            // Together more than all bodies may have.
            for (int i = 0; i < 44; i++)
                slow.Add(await BeginAsync(server, Post + (i % 2 == 0 ? "Content-Length: 20000000\r\n\r\n{" : "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")));
            await Waiting.UntilAsync(() => admission.Incoming == 44);
            Assert.NotEqual("", await AskAsync(server, "What is in the picture?", 1));
            Assert.Equal(44, admission.Incoming);
        }
        finally
        {
            foreach (Socket socket in slow) socket.Dispose();
        }
        await Waiting.UntilAsync(() => admission.Incoming == 0);
    }

    [Theory]
    [InlineData(3_000_000, 3_000_000, 1)] // large bodies, of which all but a byte comes: two would take all memory there is
    [InlineData(1000, 500, 5)] // small ones: more of them than requests may be held
    public async Task H1_bodies_that_do_not_end_shut_nobody_out(int length, int sent, int held)
    {
        await using RunningServer server = await StartAsync(
            static o => (o.MaxBodyBytes, o.MaxBufferedBytes, o.MaxConcurrentRequests) = (3_000_000, 6_000_000, 2));
        Admission admission = server.Services.GetRequiredService<Admission>();
        byte[] body = new byte[Math.Min(sent, length - 1)];
        body.AsSpan().Fill((byte)' ');
        List<Socket> slow = [];
        try
        {
            for (int i = 0; i < 5; i++)
            {
                slow.Add(await BeginAsync(server, $"{Post}Content-Length: {length}\r\n\r\n"));
                for (int at = 0; at < body.Length;) at += await slow[i].SendAsync(body.AsMemory(at), Test);
            }
            // Those for which there is no room have their answer.
            await Waiting.UntilAsync(() => admission.Incoming == held && slow.Count(static s => s.Available > 0) == 5 - held && admission.Bytes >= held * body.Length);
            Assert.NotEqual("", await AskAsync(server, "What is in the picture?", 1));
        }
        finally
        {
            foreach (Socket socket in slow) socket.Dispose();
        }
        await Waiting.UntilAsync(() => admission.Incoming == 0 && admission.Bytes == 0);
    }

    [Fact]
    public async Task H1_a_body_that_does_not_come_in_its_time_is_408_and_frees_its_place()
    {
        FakeTimeProvider clock = new();
        await using RunningServer server = await StartAsync(static o => o.BodyTimeout = TimeSpan.FromSeconds(30), clock);
        Admission admission = server.Services.GetRequiredService<Admission>();
        using Socket slow = await BeginAsync(server, $"{Post}Content-Length: 20000000\r\n\r\n{{\"model\":");
        await Waiting.UntilAsync(() => admission.Bytes > 0);
        clock.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal(1, admission.Incoming);
        // Read by then: what has come has earned no more than the time it took to say so.
        clock.Advance(TimeSpan.FromSeconds(2));
        using MemoryStream answer = new();
        await new NetworkStream(slow).CopyToAsync(answer, Test); // to its end: the connection is closed
        string text = Encoding.ASCII.GetString(answer.ToArray());
        Assert.StartsWith("HTTP/1.1 408 ", text);
        Assert.Contains("request_body_timeout", text);
        Assert.Equal((0, 0L), (admission.Incoming, admission.Bytes));
        Assert.NotEqual("", await AskAsync(server, "What is in the picture?", 1));
    }

    [Fact]
    public void H1_the_web_server_ends_clients_that_are_too_slow()
    {
        KestrelServerLimits limits = Server.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits;
        Assert.InRange(limits.RequestHeadersTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        Assert.Equal((240, 240), (limits.MinRequestBodyDataRate!.BytesPerSecond, limits.MinResponseDataRate!.BytesPerSecond));
        Assert.Equal(FasterVlmServerApplication.MaxConnections, limits.MaxConcurrentConnections);
    }

    Task<RunningServer> StartAsync(Action<FasterVlmServerOptions>? options = null, TimeProvider? time = null) => RunningServer.StartAsync(
        Embedded.Model.CreateChatClient(),
        o =>
        {
            o.BodyTimeout = TimeSpan.FromHours(1);
            options?.Invoke(o);
        },
        s =>
        {
            s.Configure<KestrelServerOptions>(static k => (k.Limits.MinRequestBodyDataRate, k.Limits.RequestHeadersTimeout) = (null, Timeout.InfiniteTimeSpan));
            if (time is not null) s.AddSingleton(time);
        });

    static async Task<Socket> BeginAsync(RunningServer server, string begun)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, server.Address.Port, Test);
        await socket.SendAsync(Encoding.ASCII.GetBytes(begun), Test);
        return socket;
    }

    static async Task<string> AskAsync(RunningServer server, string text, int picture)
    {
        Reply reply = await server.ChatAsync(About(DataUri(EmbeddedServer.Picture(1 + picture), "image/jpeg"), text));
        Assert.True(reply.Status == HttpStatusCode.OK, $"{reply.Status}: {reply.Text}");
        return reply.Content;
    }
}
