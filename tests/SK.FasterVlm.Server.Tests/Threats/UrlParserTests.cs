using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using SK.FasterVlm.Server.Media;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>
/// Row U5 by comparison: what our reader takes, the URL parser of Node (the WHATWG's standard, which browsers follow) must read as the
/// same scheme, host and port. What the two would read differently is refused.
/// </summary>
public sealed class UrlParserTests
{
    const string Script = """
        let text = ''; process.stdin.setEncoding('utf8'); process.stdin.on('data', d => text += d).on('end', () => {
          console.log(JSON.stringify(JSON.parse(text).map(u => { try { const p = new URL(u); return [p.protocol, p.hostname, p.port, p.username + p.password]; } catch { return null; } })));
        });
        """;

    [Fact]
    public async Task U5_what_is_taken_another_parser_reads_as_the_same_host_and_port()
    {
        string[] corpus = UrlCorpus.All;
        Assert.True(corpus.Distinct().Count() >= 300, $"{corpus.Distinct().Count()} addresses");
        string[]?[] others = await ReadByNodeAsync(corpus);
        HashSet<string> taken = [];
        int refused = 0, different = 0;
        List<string> disagreements = [];
        for (int i = 0; i < corpus.Length; i++)
        {
            if (!RemoteUri.TryRead(corpus[i], out Uri? ours))
            {
                refused++;
                if (others[i] is ["http:" or "https:", var host, ..] && host.Length > 0) different++;
                continue;
            }
            string read = $"{ours!.Scheme}: {ours.IdnHost} {ours.Port} {ours.UserInfo}";
            if (!Same(ours, others[i])) disagreements.Add($"{JsonSerializer.Serialize(corpus[i])} is {read} here, {JsonSerializer.Serialize(others[i])} there");
            taken.Add(ours.IdnHost);
        }
        Assert.True(disagreements.Count == 0, string.Join('\n', disagreements));
        // The list has both kinds, and addresses that browsers would open and this server does not.
        Assert.Contains("images.example", taken);
        Assert.Contains("127.0.0.1", taken);
        Assert.Contains("::1", taken);
        Assert.True(refused > 300 && different > 100, $"{refused} refused, of which {different} are addresses for the other parser");
    }

    static bool Same(Uri ours, string[]? other)
    {
        if (other is not [var scheme, var host, var port, ""] || ours.UserInfo.Length > 0 || scheme != $"{ours.Scheme}:") return false;
        if (ours.Port != (port.Length > 0 ? int.Parse(port, null) : ours.Scheme == "https" ? 443 : 80)) return false;
        (string here, string there) = (ours.IdnHost.TrimEnd('.'), host.Trim('[', ']').TrimEnd('.'));
        return here.Equals(there, StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(here, out IPAddress? a) && IPAddress.TryParse(there, out IPAddress? b) && a.Equals(b));
    }

    static async Task<string[]?[]> ReadByNodeAsync(string[] addresses)
    {
        ProcessStartInfo start = new("node", ["-e", Script]) { RedirectStandardInput = true, RedirectStandardOutput = true, StandardInputEncoding = new UTF8Encoding(false) };
        using Process node = Process.Start(start)!;
        await node.StandardInput.WriteAsync(JsonSerializer.Serialize(addresses));
        node.StandardInput.Close();
        string answer = await node.StandardOutput.ReadToEndAsync(RunningServer.Test);
        await node.WaitForExitAsync(RunningServer.Test);
        return JsonSerializer.Deserialize<string[]?[]>(answer)!;
    }
}
