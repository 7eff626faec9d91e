using Spectre.Console;

namespace SK.FasterVlm.Cli.Output;

/// <summary>A bar on stderr for work that takes a while; silent when nobody watches.</summary>
internal static class ProgressDisplay
{
    /// <summary>Runs work that reports how much of it is done.</summary>
    /// <param name="terminal">Where the bar is drawn.</param>
    /// <param name="title">What is going on.</param>
    /// <param name="work">Gets a receiver for the done share, 0 to 1, and a new title or null.</param>
    public static async Task<T> RunAsync<T>(Terminal terminal, string title, Func<Action<double, string?>, Task<T>> work)
    {
        if (!terminal.ShowsProgress) return await work(static (_, _) => { });
        return await terminal.Display.Progress()
            .AutoClear(true)
            .HideCompleted(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn(), new SpinnerColumn())
            .StartAsync(async display =>
            {
                ProgressTask task = display.AddTask(Markup.Escape(title), maxValue: 1);
                return await work((share, newTitle) =>
                {
                    if (newTitle is not null) task.Description = Markup.Escape(TerminalText.OneLine(newTitle));
                    task.Value = share;
                });
            });
    }
}
