using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace SK.FasterVlm.Cli;

/// <summary>The engine's log: on stderr with <c>--verbose</c>, nowhere without.</summary>
internal static class Logging
{
    /// <summary>Creates the factory.</summary>
    public static ILoggerFactory Create(bool verbose) =>
        !verbose ? NullLoggerFactory.Instance : LoggerFactory.Create(static builder => AddTo(builder, LogLevel.Debug));

    /// <summary>Adds the log on stderr.</summary>
    public static void AddTo(ILoggingBuilder builder, LogLevel minimum)
    {
        builder.SetMinimumLevel(minimum).AddSimpleConsole(static console => console.SingleLine = true);
        builder.Services.Configure<ConsoleLoggerOptions>(static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }
}
