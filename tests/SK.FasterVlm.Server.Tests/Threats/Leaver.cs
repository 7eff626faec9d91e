using System.Net;
using System.Net.Sockets;
using System.Text;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>A client that goes away before it has its answer.</summary>
static class Leaver
{
    /// <summary>Sends a request on a connection of its own, and drops it while sending, while waiting, or after some of the answer.</summary>
    /// <param name="server">The server.</param>
    /// <param name="moment">Decides what is asked, when it is dropped, and whether politely.</param>
    public static async Task LeaveAsync(Uri server, int moment)
    {
        CancellationToken cancellation = RunningServer.Test;
        byte[] body = Encoding.UTF8.GetBytes(Body(moment));

        // "Connection: close", or who reads to the end of a short answer waits for the end of Kestrel's patience.
        using Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(moment % 2 == 0, 0) }; // reset or an orderly end
        await socket.ConnectAsync(IPAddress.Loopback, server.Port, cancellation);
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n"), cancellation);
        int sent = moment % 5 == 0 ? moment % body.Length : body.Length;
        for (int at = 0; at < sent;) at += await socket.SendAsync(body.AsMemory(at, sent - at), cancellation);
        if (sent < body.Length || !Streams(moment)) return; // a whole answer has no middle to leave in
        byte[] buffer = new byte[256];
        for (int reads = moment % 11; reads > 0 && await socket.ReceiveAsync(buffer, cancellation) > 0; reads--) { }
    }

    static bool Streams(int moment) => moment % 4 != 0;

    /// <summary>A picture nobody has sent before, with a number in a comment, so that it has to be encoded.</summary>
    static byte[] NewPicture(int number)
    {
        byte[] picture = EmbeddedServer.Picture(1 + (number % 5));
        return [.. picture[..2], 0xFF, 0xFE, 0, 6, .. BitConverter.GetBytes(number), .. picture[2..]];
    }

    static string Body(int moment)
    {
        string text = $"Tell me a long story about {moment % 7} birds.";
        string image = $"data:image/jpeg;base64,{Convert.ToBase64String(NewPicture(moment))}";
        object content = moment % 3 == 0
            ? new object[] { new { type = "image_url", image_url = new { url = image } }, new { type = "text", text } }
            : text;
        return System.Text.Json.JsonSerializer.Serialize(
            new { model = "tiny-llava", max_tokens = 200, stream = Streams(moment), messages = new[] { new { role = "user", content } } });
    }
}
