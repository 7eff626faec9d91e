using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Tests.Conformance;

/// <summary>How functions are offered with a question.</summary>
public enum Functions { NotOffered, Auto, None, Required, Named }

/// <summary>A question in words that both faces have.</summary>
public sealed record Question
{
    /// <summary>The picture goes along, without a MIME type where the face can do without.</summary>
    public bool WithPicture { get; init; }

    public Functions Functions { get; init; }

    /// <summary>The function of <see cref="Functions.Named"/>.</summary>
    public string Named { get; init; } = nameof(Camera.Snap);

    /// <summary>Whether calls are given back instead of being invoked.</summary>
    public bool Manual { get; init; }

    public bool Parallel { get; init; } = true;

    /// <summary>JSON schema of the answer.</summary>
    public JsonElement? Schema { get; init; }

    public int? MaxTokens { get; init; }

    public int Choices { get; init; } = 1;

    public float Temperature { get; init; }
}

/// <summary>A call as the face gave it back.</summary>
public sealed record Call(string Id, string Function, IReadOnlyDictionary<string, string> Arguments, int Index);

/// <summary>One answer, streamed or not.</summary>
public sealed record Answer(string Text, IReadOnlyList<Call> Calls, string? Reason, IReadOnlyList<string> Ids, DateTimeOffset? CreatedAt, string? ModelId, UsageDetails Usage, GenerationStatistics Statistics);

/// <summary>What came of a question.</summary>
/// <param name="Answers">The answers.</param>
/// <param name="HistoryGrew">Messages the face added to the conversation it was given.</param>
public sealed record Outcome(IReadOnlyList<Answer> Answers, int HistoryGrew)
{
    public Answer Answer => Assert.Single(Answers);
}

/// <summary>The functions that are offered, and what became of them.</summary>
public sealed class Camera
{
    public enum Room { Hall, Attic }

    /// <summary>What <see cref="Snap"/> was called with.</summary>
    public List<(Room Room, bool Flash)> Snapped { get; } = [];

    public int Looked { get; private set; }

    public int Failed { get; private set; }

    public int Invoked => Snapped.Count + Looked + Failed;

    public string Snap(Room room, bool flash)
    {
        Snapped.Add((room, flash));
        return $"a picture of {room}";
    }

    public ImageContent Look()
    {
        Looked++;
        return new(TinyPair.Picture(seed: 2), "image/png");
    }

    public string Fail()
    {
        Failed++;
        throw new InvalidOperationException("the lens is dirty");
    }
}

/// <summary>A model under a kernel, seen through one of the faces.</summary>
public abstract class Subject : IAsyncDisposable
{
    readonly HostedFake? _hosted;

    /// <param name="script">What a scripted language model says, answer by answer; null for the shipped model.</param>
    protected Subject(string[]? script)
    {
        IKernelBuilder builder = Kernel.CreateBuilder();
        if (script is not null)
        {
            _hosted = new HostedFake();
            _hosted.AddTo(builder.Services, answers: [.. script.Select(Spelled)]);
        }
        builder.AddFasterVlmChatCompletion(configure: static o => (o.Threads, o.MaxOutputTokens) = (1, 96));
        Kernel = builder.Build();
        Kernel.ImportPluginFromFunctions("Cam",
        [
            KernelFunctionFactory.CreateFromMethod(Camera.Snap, "Snap"),
            KernelFunctionFactory.CreateFromMethod(Camera.Look, "Look"),
            KernelFunctionFactory.CreateFromMethod(Camera.Fail, "Fail"),
        ]);
    }

    public Kernel Kernel { get; }

    public Camera Camera { get; } = new();

    /// <summary>Whether what the model says is written in advance.</summary>
    public bool Scripted => _hosted is not null;

    /// <summary>The last prompt of a scripted model.</summary>
    public string LastPrompt => _hosted!.Fake!.LastPrompt;

    /// <summary>The grammar of the last request to a scripted model.</summary>
    public string? LastGrammar => _hosted!.Fake!.Language.LastSettings!.Grammar;

    /// <summary>Between plugin and function in the names a model is shown.</summary>
    protected abstract string Separator { get; }

    public abstract Task<Outcome> AskAsync(Question question, bool streaming);

    /// <summary>Scripts are written with <c>Cam.Snap</c>.</summary>
    public string Spelled(string text) => text.Replace("Cam.", "Cam" + Separator, StringComparison.Ordinal);

    public async ValueTask DisposeAsync()
    {
        await ((ServiceProvider)Kernel.Services).DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected static CancellationToken Test => TestContext.Current.CancellationToken;

    /// <summary>Arguments as texts: Semantic Kernel's own builder of streamed calls makes every value one.</summary>
    protected static IReadOnlyDictionary<string, string> Texts(IEnumerable<KeyValuePair<string, object?>>? arguments) =>
        (arguments ?? []).ToDictionary(static a => a.Key, static a => $"{a.Value}");
}
