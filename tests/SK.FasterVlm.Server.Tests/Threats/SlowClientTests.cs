using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
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
            // Those whose header is whole, but for any that was sent away.
            await UntilAsync(() => admission.Requests + slow.Count(static s => s.Available > 0) == 150);
            Assert.Equal(150, admission.Requests);
            Task[] clients = [.. Enumerable.Range(0, 4).Select(async i =>
            {
                for (int round = 0; round < 3; round++) Assert.Equal(alone[i], await AskAsync(server, questions[i], i));
            })];
            // Meanwhile they go on, a byte at a time.
            foreach (Socket socket in slow) await socket.SendAsync("1"u8.ToArray(), Test);
            await Task.WhenAll(clients);
            Assert.True(admission.Requests > 0, "no slow client was left to be slow"); // a chunk that begins with 1 may end its request
        }
        finally
        {
            foreach (Socket socket in slow) socket.Dispose();
        }
        await UntilAsync(() => admission.Requests == 0);
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
            await UntilAsync(() => admission.Requests + slow.Count(static s => s.Available > 0) == 44);
            Assert.NotEqual("", await AskAsync(server, "What is in the picture?", 1));
            Assert.Equal(44, admission.Requests);
        }
        finally
        {
            foreach (Socket socket in slow) socket.Dispose();
        }
        await UntilAsync(() => admission.Requests == 0);
    }

    [Fact]
    public void H1_the_web_server_ends_clients_that_are_too_slow()
    {
        KestrelServerLimits limits = Server.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits;
        Assert.InRange(limits.RequestHeadersTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        Assert.Equal((240, 240), (limits.MinRequestBodyDataRate!.BytesPerSecond, limits.MinResponseDataRate!.BytesPerSecond));
        Assert.Equal(FasterVlmServerApplication.MaxConnections, limits.MaxConcurrentConnections);
    }

    Task<RunningServer> StartAsync() => RunningServer.StartAsync(Embedded.Model.CreateChatClient(), services: static s => s.Configure<KestrelServerOptions>(static k =>
        (k.Limits.MinRequestBodyDataRate, k.Limits.RequestHeadersTimeout) = (null, Timeout.InfiniteTimeSpan)));

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
        Assert.True(reply.Status == HttpStatusCode.OK, reply.Text);
        return reply.Content;
    }

    static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition()) await Task.Delay(5, Test);
    }
}
