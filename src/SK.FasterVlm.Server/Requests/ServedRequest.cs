using Microsoft.Extensions.AI;

namespace SK.FasterVlm.Server.Requests;

/// <summary>A request of any of the endpoints, read and checked.</summary>
sealed record ServedRequest
{
    /// <summary>The model as the client named it, which may be another of its names; answers carry the model's own.</summary>
    public required string Model { get; init; }

    /// <summary>The conversation; images are bytes by now.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>How to answer.</summary>
    public required ChatOptions Options { get; init; }

    /// <summary>The schemas in it.</summary>
    public required RequestSchemas Schemas { get; init; }

    /// <summary>Whether the answer is to come in pieces.</summary>
    public bool Stream { get; init; }

    /// <summary>Whether the last piece is to carry the usage.</summary>
    public bool IncludeUsage { get; init; }

    /// <summary>How many answers are wanted.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>Whether the answer is to carry what happened: kept patches, timings.</summary>
    public bool Statistics { get; init; }
}
