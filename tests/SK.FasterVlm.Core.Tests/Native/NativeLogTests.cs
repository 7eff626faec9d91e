using Microsoft.Extensions.Logging;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.Native;

public sealed class NativeLogTests
{
    [Fact]
    public void Pieces_BecomeLines_AndTheLastAreKept()
    {
        NativeRuntime.Load(new NativeOptions());
        string unique = Guid.NewGuid().ToString();
        long mark = NativeLog.Mark();
        NativeLog.Write(ggml_log_level.GGML_LOG_LEVEL_ERROR, $"first {unique}");
        NativeLog.Write(ggml_log_level.GGML_LOG_LEVEL_CONT, " and more\nsecond\n");
        Assert.Contains($"first {unique} and more | second", NativeLog.Since(mark), StringComparison.Ordinal);
    }

    [Fact]
    public void L8_LinesOfTheLibrary_ReachTheLogger_UnderTheirCategory()
    {
        using var loggers = new Recorder();
        NativeRuntime.Load(new NativeOptions(), loggers);
        string path = Path.GetTempFileName();
        try
        {
            // Not a model: the library says so in its log.
            unsafe
            {
                llama_model* model = Llama.llama_model_load_from_file(path, Llama.llama_model_default_params());
                Assert.True(model is null);
            }
            Assert.Contains(loggers.Lines, l => l.StartsWith("SK.FasterVlm.Native Error", StringComparison.Ordinal));
        }
        finally
        {
            File.Delete(path);
            NativeLog.Attach(Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
        }
    }

    sealed class Recorder : ILoggerFactory, ILogger
    {
        readonly System.Collections.Concurrent.ConcurrentQueue<string> _lines = new();
        string _category = "";

        public IEnumerable<string> Lines => _lines;

        public ILogger CreateLogger(string categoryName)
        {
            _category = categoryName;
            return this;
        }

        public void AddProvider(ILoggerProvider provider) { }

        public void Dispose() { }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            _lines.Enqueue($"{_category} {logLevel} {formatter(state, exception)}");
            // What an application's logger throws must not reach the library.
            throw new InvalidOperationException("A logger that throws.");
        }
    }
}
