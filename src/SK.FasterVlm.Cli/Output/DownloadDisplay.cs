using SK.FasterVlm.Models;
using Spectre.Console;

namespace SK.FasterVlm.Cli.Output;

/// <summary>What a download is at, on stderr: a bar with speed and time left in a terminal, a line every tenth of a file elsewhere.</summary>
internal static class DownloadDisplay
{
    /// <summary>Runs a download.</summary>
    public static async Task<T> RunAsync<T>(Terminal terminal, Func<IProgress<ModelDownloadProgress>, Task<T>> fetch)
    {
        if (!terminal.ShowsProgress) return await fetch(new Lines(terminal));
        return await terminal.Display.Progress()
            .AutoClear(false)
            .HideCompleted(false)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new SpinnerColumn())
            .StartAsync(display => fetch(new Bars(display)));
    }

    /// <summary>One line about something unusual, or null.</summary>
    static string? Remark(ModelDownloadProgress p) => p.Stage switch
    {
        ModelDownloadStage.Waiting => "another process fetches this model; waiting for it",
        ModelDownloadStage.Retrying => $"trying again: {p.Note}",
        _ => p.Note,
    };

    /// <summary>A bar per file.</summary>
    sealed class Bars(ProgressContext display) : IProgress<ModelDownloadProgress>
    {
        readonly Dictionary<string, (ProgressTask Task, TransferRate Rate)> _bars = [];
        long _shown;

        public void Report(ModelDownloadProgress p)
        {
            // Ten times a second is plenty; ends and remarks are always shown.
            bool plain = p is { Stage: ModelDownloadStage.Downloading or ModelDownloadStage.Verifying, Note: null } && p.Bytes != p.TotalBytes;
            if (plain && Environment.TickCount64 - _shown < 100) return;
            _shown = Environment.TickCount64;
            if (!_bars.TryGetValue(p.File, out var bar))
                _bars[p.File] = bar = (display.AddTask(Markup.Escape(p.File)), new TransferRate(TimeProvider.System));
            bar.Rate.Add(p.Bytes);
            string state = Remark(p) ?? (p.Stage == ModelDownloadStage.Done ? "checked" : bar.Rate.Describe(p.Bytes, p.TotalBytes));
            bar.Task.Description = Markup.Escape(TerminalText.OneLine($"{p.File}: {(p.Stage == ModelDownloadStage.Verifying ? "checking " : "")}{state}"));
            bar.Task.MaxValue = Math.Max(1, p.TotalBytes ?? long.MaxValue);
            bar.Task.Value = p.Bytes;
        }
    }

    /// <summary>Lines for logs and pipes: every tenth of a file, at most one a second.</summary>
    sealed class Lines(Terminal terminal) : IProgress<ModelDownloadProgress>
    {
        TransferRate _rate = new(TimeProvider.System);
        string _file = "";
        long _tenth;
        long _written;

        public void Report(ModelDownloadProgress p)
        {
            if (p.File != _file) (_file, _tenth, _rate) = (p.File, -1, new TransferRate(TimeProvider.System));
            if (Remark(p) is { } remark) Write(remark);
            else if (p.Stage == ModelDownloadStage.Done) Write($"{Format.Bytes(p.Bytes)}, checked");
            else if (p.Stage == ModelDownloadStage.Downloading) ReportBytes(p);
        }

        void ReportBytes(ModelDownloadProgress p)
        {
            _rate.Add(p.Bytes);
            long tenth = p.TotalBytes > 0 ? 10 * p.Bytes / p.TotalBytes.Value : p.Bytes >> 28;
            if (_tenth < 0) Write(p.Bytes > 0 ? $"{_rate.Describe(p.Bytes, p.TotalBytes)} are here already" : p.TotalBytes is { } all ? $"{Format.Bytes(all)} to fetch" : "fetching");
            else if (tenth == _tenth || Environment.TickCount64 - _written < 1000) return;
            else Write(_rate.Describe(p.Bytes, p.TotalBytes));
            (_tenth, _written) = (tenth, Environment.TickCount64);
        }

        void Write(string text) => terminal.WriteNote(TerminalText.OneLine($"{_file}: {text}"));
    }
}
