using SK.FasterVlm.Chat;
using SK.FasterVlm.Core.Tests.Fakes;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Core.Tests.Generation;

/// <summary>
/// A generator over a scripted model whose next token follows from all rows before it, as a real model's does: a row that is missing,
/// doubled or another's changes the answer. Evaluation can be held at a pass, so that tests decide who runs beside whom.
/// </summary>
sealed class Rig : IAsyncDisposable
{
    static readonly ClsAttentionSelector s_selector = new();

    Gate? _gate;

    public Rig(
        int sequences = 4, int context = 512, int? cells = null, Action<FasterVlmOptions>? configure = null, TimeProvider? time = null,
        int lanes = 1, bool joins = false, int batch = 512)
    {
        Language = new()
        {
            SequenceCount = sequences,
            ContextLength = context,
            Cells = cells,
            LaneCount = lanes,
            JoinsRows = joins,
            BatchLength = batch,
            OneThread = true,
            Reply = Next,
        };
        FasterVlmOptions options = new() { PrefillChunk = 16 };
        configure?.Invoke(options);
        Generator = new Generator(Language, Vision, null, options, time ?? TimeProvider.System);
    }

    public ScriptedLanguageModel Language { get; }

    public FakeVisionEncoder Vision { get; } = new();

    public Generator Generator { get; }

    public SequencePool Pool => Generator.Scheduler.Pool;

    /// <summary>A letter by the rows so far; never the end, so that answers are as long as they may be.</summary>
    public static int Next(IReadOnlyList<string> rows)
    {
        uint hash = 2166136261;
        foreach (string row in rows)
            foreach (char c in row + "|")
                hash = (hash ^ c) * 16777619;
        return ScriptedLanguageModel.FirstByte + 'a' + (int)(hash % 26);
    }

    /// <summary>The answer a prompt gets from a model that has seen nothing else.</summary>
    public static string Expected(IEnumerable<string> prompt, int tokens)
    {
        List<string> rows = [.. prompt];
        string text = "";
        for (int i = 0; i < tokens; i++)
        {
            int token = Next(rows);
            text += (char)(token - ScriptedLanguageModel.FirstByte);
            rows.Add($"{token}");
        }
        return text;
    }

    /// <summary>The rows of a request, as the model shall see them.</summary>
    public static IEnumerable<string> Rows(GenerationRequest request)
    {
        yield return $"{ScriptedLanguageModel.Bos}";
        foreach (PromptSegment segment in request.Prompt)
        {
            if (segment.Kind != PromptSegmentKind.Image)
            {
                foreach (int id in ScriptedLanguageModel.Bytes(segment.Text)) yield return $"{id}";
                continue;
            }
            float[] attention = [.. Enumerable.Range(0, FakeVisionEncoder.Patches).Select(static p => p / 1000f)];
            int tag = request.Images[segment.ImageIndex].Bytes.Span[0];
            for (int p = FakeVisionEncoder.Patches - request.Budget.Resolve(attention); p < FakeVisionEncoder.Patches; p++) yield return $"e{(100f * tag) + p}";
        }
    }

    public static GenerationRequest Ask(string text, int tokens = 8, params string[] images) => new()
    {
        Prompt = [.. images.Select(static (_, i) => PromptSegment.Image(i)), PromptSegment.UserText(text)],
        Images = [.. images.Select(static i => ImageInput.FromBytes(System.Text.Encoding.UTF8.GetBytes(i)))],
        MaxOutputTokens = tokens,
        Selector = s_selector,
    };

    public Task<GenerationResult> RunAsync(GenerationRequest request, CancellationToken? token = null) =>
        Generator.CompleteAsync(request, token ?? TestContext.Current.CancellationToken);

    /// <summary>Runs a request and compares its text with what it gets alone.</summary>
    public async Task<GenerationStatistics> CheckAsync(GenerationRequest request)
    {
        GenerationResult result = await RunAsync(request);
        Assert.Equal(Expected(Rows(request), request.MaxOutputTokens), result.Text);
        return result.Statistics;
    }

    /// <summary>Stops the scheduler's thread in its next pass until the gate is opened.</summary>
    public Gate Hold()
    {
        _gate = new Gate(Language);
        Language.OnPass = _gate.Pass;
        return _gate;
    }

    /// <summary>What a rig without requests must look like.</summary>
    public void AssertIdle()
    {
        Assert.Empty(Language.Refused);
        Assert.Equal((0, 0), (Pool.BusyCount, Generator.Scheduler.WaitingCount));
        Assert.Equal(Language.UsedCells, Pool.Used);
        Assert.Equal(Pool.Used, Pool.KeptLength);
        Assert.Equal((0, 0), (Language.SamplersAlive, Vision.Alive));
        Assert.Equal(0, Generator.ImageCache.Pinned);
    }

    public async ValueTask DisposeAsync()
    {
        await Generator.DisposeAsync();
        _gate?.Dispose();
    }

    public sealed class Gate(ScriptedLanguageModel model) : IDisposable
    {
        readonly SemaphoreSlim _open = new(0);
        readonly SemaphoreSlim _arrived = new(0);

        public void Pass(int[] sequences, CancellationToken token)
        {
            _arrived.Release();
            _open.Wait(token);
        }

        /// <summary>Waits until the thread stands at the gate.</summary>
        public Task ArrivedAsync() => _arrived.WaitAsync(TestContext.Current.CancellationToken);

        /// <summary>Lets one pass through.</summary>
        public void Step() => _open.Release();

        /// <summary>Lets everything through from now on.</summary>
        public void Open(Action<int[], CancellationToken>? then = null)
        {
            model.OnPass = then;
            _open.Release(1000);
        }

        public void Dispose()
        {
            _open.Dispose();
            _arrived.Dispose();
        }
    }
}
