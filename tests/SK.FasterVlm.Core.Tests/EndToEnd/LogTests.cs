using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>The libraries' log is the process's; whose application gives no loggers leaves another model's log alone.</summary>
[Collection(AloneInTheProcess.Name)]
public sealed class LogTests(TinyPair pair) : IClassFixture<TinyPair>
{
    [Fact]
    public async Task A_model_loaded_without_loggers_leaves_the_log_of_an_earlier_one()
    {
        using var loggers = new Recorder();
        try
        {
            FasterVlmOptions options = new() { ModelPath = pair.ModelPath, ProjectorPath = pair.ProjectorPath, Threads = 1 };
            await using FasterVlmModel first = await FasterVlmModel.LoadAsync(options, loggers, cancellationToken: TestContext.Current.CancellationToken);
            await using FasterVlmModel second = await FasterVlmModel.LoadAsync(options, cancellationToken: TestContext.Current.CancellationToken);
            string unique = Guid.NewGuid().ToString();
            NativeLog.Write(ggml_log_level.GGML_LOG_LEVEL_ERROR, unique + "\n");
            Assert.Contains(loggers.Lines, line => line.Contains(unique, StringComparison.Ordinal));
        }
        finally
        {
            NativeLog.Attach(NullLoggerFactory.Instance);
        }
    }

    sealed class Recorder : ILoggerFactory, ILogger
    {
        public List<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) { }

        public void Dispose() { }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (Lines) Lines.Add(formatter(state, exception));
        }
    }
}
