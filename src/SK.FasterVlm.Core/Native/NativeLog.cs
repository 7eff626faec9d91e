using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace SK.FasterVlm.Native;

/// <summary>
/// Where the libraries' log lines go: to an <see cref="ILogger"/>, and the last of them into a ring that explains failures
/// (a model or grammar that does not parse only says why in the log). One per process, as in the libraries themselves.
/// </summary>
internal static unsafe class NativeLog
{
    internal const string Category = "SK.FasterVlm.Native";
    const int Kept = 50;
    const int LongestLine = 4096;

    static readonly Lock s_gate = new();
    static readonly Queue<string> s_ring = new(Kept);
    static readonly StringBuilder s_pending = new();
    static ggml_log_level s_pendingLevel = ggml_log_level.GGML_LOG_LEVEL_INFO;
    static volatile ILogger s_logger = NullLogger.Instance;
    static long s_written;

    /// <summary>Directs the libraries' log here. Call when libllama is loaded.</summary>
    internal static void Attach(ILoggerFactory? loggers)
    {
        if (loggers is not null) s_logger = loggers.CreateLogger(Category);
        Llama.llama_log_set(&OnLine, null);
    }

    /// <summary>A mark in the log, for <see cref="Since"/>.</summary>
    internal static long Mark()
    {
        lock (s_gate) return s_written;
    }

    /// <summary>The lines after a mark, as far as they are kept, joined by " | ".</summary>
    internal static string Since(long mark)
    {
        lock (s_gate) return string.Join(" | ", s_ring.TakeLast((int)Math.Min(s_written - mark, s_ring.Count)));
    }

    /// <summary>The last few lines, for an error message; empty when there are none.</summary>
    internal static string Tail(int lines = 5)
    {
        lock (s_gate) return s_ring.Count == 0 ? "" : "Native log: " + string.Join(" | ", s_ring.TakeLast(lines));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static void OnLine(ggml_log_level level, byte* text, void* userData)
    {
        // An exception must not cross into the library, and a logger of the application may throw anything.
        try
        {
            Write(level, Utf8.Read(text));
        }
        catch (Exception e)
        {
            System.Diagnostics.Debug.WriteLine(e);
        }
    }

    /// <summary>Takes a piece of log; pieces become lines at a line feed, CONT pieces belong to the line before.</summary>
    internal static void Write(ggml_log_level level, string text)
    {
        List<(LogLevel, string)> lines = [];
        lock (s_gate)
        {
            if (level != ggml_log_level.GGML_LOG_LEVEL_CONT) s_pendingLevel = level;
            s_pending.Append(text);
            while (s_pending.ToString().IndexOf('\n') is int end and >= 0)
            {
                Add(s_pending.ToString(0, end));
                s_pending.Remove(0, end + 1);
            }
            // Progress dots come without a line feed: bound what is held.
            if (s_pending.Length > LongestLine)
            {
                Add(s_pending.ToString());
                s_pending.Clear();
            }
        }
        foreach ((LogLevel severity, string line) in lines)
        {
            if (s_logger.IsEnabled(severity)) s_logger.Log(severity, "{Line}", line);
        }

        void Add(string line)
        {
            line = line.Trim();
            if (line.Length == 0) return;
            if (s_ring.Count == Kept) s_ring.Dequeue();
            s_ring.Enqueue(line);
            s_written++;
            lines.Add((Severity(s_pendingLevel), line));
        }
    }

    // The libraries call "info" what an application wants to see only when it looks for something.
    static LogLevel Severity(ggml_log_level level) => level switch
    {
        ggml_log_level.GGML_LOG_LEVEL_ERROR => LogLevel.Error,
        ggml_log_level.GGML_LOG_LEVEL_WARN => LogLevel.Warning,
        ggml_log_level.GGML_LOG_LEVEL_DEBUG => LogLevel.Trace,
        _ => LogLevel.Debug,
    };
}
