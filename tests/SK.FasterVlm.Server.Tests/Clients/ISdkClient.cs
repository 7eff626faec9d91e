using System.Text.Json.Nodes;

namespace SK.FasterVlm.Server.Tests.Clients;

/// <summary>One of the clients people use, driven as its documentation says; what it shows is brought into one form.</summary>
public interface ISdkClient
{
    /// <summary>Asks.</summary>
    /// <exception cref="SdkException">The server answered with an error, as the client reports it.</exception>
    Task<SdkAnswer> AskAsync(SdkQuestion question, CancellationToken cancellationToken);
}

/// <summary>A question.</summary>
public sealed record SdkQuestion(string Text)
{
    public string Model { get; init; } = "tiny-llava";

    /// <summary>JPEG files.</summary>
    public IReadOnlyList<byte[]> Images { get; init; } = [];

    public int MaxTokens { get; init; } = 16;

    public bool Stream { get; init; }

    /// <summary>Walk away from a stream after so many pieces; 0: do not.</summary>
    public int CancelAfter { get; init; }

    public IReadOnlyList<SdkTool> Tools { get; init; } = [];

    /// <summary>auto, none, required, or =name.</summary>
    public string ToolChoice { get; init; } = "auto";

    public bool? Parallel { get; init; }

    /// <summary>A call the model answered with before, and what came of it; null for a first question.</summary>
    public (SdkCall Call, string Result)? Called { get; init; }

    /// <summary>Schema the answer must follow.</summary>
    public JsonObject? Schema { get; init; }
}

/// <summary>A function the model may call.</summary>
public sealed record SdkTool(string Name, string Description, JsonObject Parameters);

/// <summary>An answer.</summary>
/// <param name="Text">The text.</param>
/// <param name="Finish">Why it ended, in the protocol's words.</param>
/// <param name="Calls">Tool calls.</param>
/// <param name="InputTokens">From the usage.</param>
/// <param name="OutputTokens">From the usage.</param>
public sealed record SdkAnswer(string Text, string Finish, IReadOnlyList<SdkCall> Calls, long InputTokens, long OutputTokens);

/// <summary>A tool call.</summary>
public sealed record SdkCall(string Id, string Name, string Arguments);

/// <summary>An error as a client reports it.</summary>
public sealed class SdkException(int status, string? code, string? parameter) : Exception($"{status} {code} {parameter}")
{
    public int Status => status;

    public string? Code => code;

    public string? Parameter => parameter;

    /// <summary>From the body of an answer, where a client shows no more of it.</summary>
    public static SdkException Of(int status, string body)
    {
        JsonNode error = JsonNode.Parse(body)!["error"]!;
        return new SdkException(status, (string?)error["code"], (string?)error["param"]);
    }
}
