using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Native;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>Row L8: code of the application that the engine calls and that throws. It ends what it belongs to, and nothing else.</summary>
public sealed class CallbackTests(TinyPair pair) : IClassFixture<TinyPair>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    sealed class MineException : Exception;

    sealed class Throwing<T>(Func<T, bool> when) : IProgress<T>
    {
        public void Report(T value)
        {
            if (when(value)) throw new MineException();
        }
    }

    static ChatMessage Question() => new(ChatRole.User, [new DataContent(TinyPair.Picture(), "image/png"), new TextContent("What is this?")]);

    [Fact]
    public async Task L8_a_handler_of_loading_that_throws_ends_the_load_with_its_own_error()
    {
        FasterVlmOptions options = new() { ModelPath = pair.ModelPath, ProjectorPath = pair.ProjectorPath, Threads = 1 };
        foreach (ModelLoadStage stage in new[] { ModelLoadStage.Checking, ModelLoadStage.Language, ModelLoadStage.Vision, ModelLoadStage.Ready })
        {
            // Of the language model's reports the first comes from our code and the others from within the library.
            foreach (bool within in new[] { false, true })
            {
                Throwing<ModelLoadProgress> progress = new(p => p.Stage == stage && (p.Fraction > 0 || !within || stage != ModelLoadStage.Language));
                await Assert.ThrowsAsync<MineException>(() => FasterVlmModel.LoadAsync(options, progress: progress, cancellationToken: Test));
            }
        }
        await using FasterVlmModel model = await pair.LoadAsync();
        Assert.NotEqual("", await TinyPair.AnswerAsync(model));
    }

    [Fact]
    public async Task L8_a_logger_that_throws_is_not_heard_by_the_library()
    {
        using ThrowingLoggers loggers = new();
        FasterVlmOptions options = new() { ModelPath = pair.ModelPath, ProjectorPath = pair.ProjectorPath, Threads = 1, MaxOutputTokens = 4 };
        try
        {
            // Lines of the library come through a callback, where an exception would end the process.
            loggers.Category = "SK.FasterVlm.Native";
            await using (FasterVlmModel model = await FasterVlmModel.LoadAsync(options, loggers, cancellationToken: Test)) await TinyPair.AnswerAsync(model);
            Assert.True(loggers.Thrown > 0);
            // Our own lines are the application's: the request they tell of ends in what it threw.
            loggers.Category = typeof(Generator).FullName!;
            await using (FasterVlmModel model = await FasterVlmModel.LoadAsync(options, loggers, cancellationToken: Test))
            {
                using FasterVlmChatClient client = model.CreateChatClient();
                await Assert.ThrowsAsync<MineException>(() => client.GetResponseAsync([Question()], cancellationToken: Test));
                Assert.Equal((0, 0), (model.Generator.Scheduler.Pool.BusyCount, model.Generator.ImageCache.Pinned));
                loggers.Category = "";
                await client.GetResponseAsync([Question()], cancellationToken: Test);
            }
        }
        finally
        {
            loggers.Category = "";
            NativeLog.Attach(Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
        }
    }

    [Fact]
    public async Task L8_a_selector_a_listener_and_a_consumer_that_throw_end_their_request_alone()
    {
        await using FasterVlmModel model = await pair.LoadAsync(static o => o.PrefixCache = false);
        using FasterVlmChatClient client = model.CreateChatClient();
        string before = (await client.GetResponseAsync([Question()], cancellationToken: Test)).Text;
        GenerationRequest request = new()
        {
            Prompt = [PromptSegment.Image(0), PromptSegment.UserText("What?")],
            Images = [ImageInput.FromBytes(TinyPair.Picture(4))],
            Selector = model.Selector,
            MaxOutputTokens = 4,
        };
        Func<Task>[] attempts =
        [
            () => model.Generator.CompleteAsync(request with { Selector = new ThrowingSelector() }, Test),
            () => model.Generator.CompleteAsync(request with { ImageProgress = new Throwing<ImageProgress>(static _ => true) }, Test),
            async () => { await foreach (GenerationUpdate _ in model.Generator.GenerateAsync(request, Test)) throw new MineException(); },
        ];
        foreach (Func<Task> attempt in attempts)
        {
            await Assert.ThrowsAsync<MineException>(attempt);
            Assert.Equal((0, 0, 0), (model.Generator.Scheduler.Pool.BusyCount, model.Generator.Scheduler.WaitingCount, model.Generator.ImageCache.Pinned));
            Assert.Equal(before, (await client.GetResponseAsync([Question()], cancellationToken: Test)).Text);
        }
        await model.Generator.CompleteAsync(request, Test);
    }

    [Fact]
    public void L8_every_function_the_libraries_call_is_known_and_keeps_its_exceptions()
    {
        // The log and progress catch everything (tested above and in NativeLogTests, LoadingTests). The two abort flags read one byte. The
        // three kernels are arithmetic on memory of checked sizes. A new one belongs to one of these kinds, with a test.
        string[] expected =
        [
            "CancellationFlag.Ask", "KernelNodes.AttentionShare", "KernelNodes.MultiplyShare", "KernelNodes.QuantizeShare",
            "LlamaCppLoader.OnProgress", "NativeLog.OnLine", "TowerWorkspace.ShouldAbort",
        ];
        MethodInfo[] found = [.. typeof(FasterVlmModel).Assembly.GetTypes()
            .SelectMany(static t => t.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Where(static m => m.IsDefined(typeof(UnmanagedCallersOnlyAttribute)))];
        Assert.All(found, static m => Assert.True(m.IsStatic));
        Assert.Equal(expected, found.Select(static m => $"{m.DeclaringType!.Name}.{m.Name}").Order(StringComparer.Ordinal));
    }

    sealed class ThrowingSelector : IVisualTokenSelector
    {
        public string Name => "throws";

        public int[] Select(in VisualTokenContext context, int budget) => throw new MineException();
    }

    sealed class ThrowingLoggers : ILoggerFactory
    {
        int _thrown;

        public string Category { get; set; } = "";

        public int Thrown => _thrown;

        public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

        public void AddProvider(ILoggerProvider provider) { }

        public void Dispose() { }

        sealed class Logger(ThrowingLoggers owner, string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            {
                if (owner.Category != category) return;
                Interlocked.Increment(ref owner._thrown);
                throw new MineException();
            }
        }
    }
}
