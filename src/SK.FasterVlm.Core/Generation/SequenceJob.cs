using System.Diagnostics;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

/// <summary>A request that is ready for the language model: prompt, sampler, and where its answer goes. See <see cref="Scheduler"/>.</summary>
/// <param name="prompt">The prompt.</param>
/// <param name="sampler">Makes what draws its tokens, when it starts: what waits in the line holds none.</param>
/// <param name="answer">Takes its tokens.</param>
/// <param name="maxOutputTokens">Most tokens to generate.</param>
/// <param name="token">Ends it.</param>
sealed class SequenceJob(PreparedPrompt prompt, Func<ITokenSampler> sampler, AnswerStream answer, int maxOutputTokens, CancellationToken token) : IDisposable
{
    readonly int[] _next = new int[1];
    PromptRows[]? _nextRows;
    ITokenSampler? _sampler;

    /// <summary>The prompt.</summary>
    public PreparedPrompt Prompt { get; } = prompt;

    /// <summary>Draws its tokens.</summary>
    public ITokenSampler Sampler => _sampler ?? throw new InvalidOperationException("The job has not started.");

    /// <summary>Takes its tokens.</summary>
    public AnswerStream Answer { get; } = answer;

    /// <summary>Most tokens to generate.</summary>
    public int MaxOutputTokens { get; } = maxOutputTokens;

    /// <summary>Ends it.</summary>
    public CancellationToken Token { get; } = token;

    /// <summary>Set when the scheduler has let go of everything that is the job's.</summary>
    public TaskCompletionSource<SequenceTimes> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Its place in the line, while it waits.</summary>
    public LinkedListNode<SequenceJob>? Place { get; set; }

    /// <summary>The sequence it runs on.</summary>
    public SequenceSlot? Slot { get; set; }

    /// <summary>Positions of the prompt that did not have to be evaluated.</summary>
    public int Reused { get; set; }

    /// <summary>Timestamps of the way through the scheduler.</summary>
    public long Queued { get; } = Stopwatch.GetTimestamp();

    /// <inheritdoc cref="Queued"/>
    public long Started { get; set; }

    /// <inheritdoc cref="Queued"/>
    public long FirstToken { get; set; }

    /// <summary>The token that was drawn and is to be evaluated next, as rows.</summary>
    public IReadOnlyList<PromptRows> Next => _nextRows ??= [PromptRows.FromTokens(_next)];

    /// <summary>The token that was drawn last.</summary>
    public int LastToken
    {
        get => _next[0];
        set => _next[0] = value;
    }

    /// <summary>Makes ready to draw. By the scheduler, when the job has its sequence.</summary>
    /// <exception cref="ArgumentException">The model does not take the sampling settings.</exception>
    public void Start()
    {
        Prompt.Start();
        _sampler = sampler();
    }

    /// <summary>Releases the sampler; once <see cref="Completion"/> is set.</summary>
    public void Dispose() => _sampler?.Dispose();

    /// <summary>
    /// Positions the request needs at most in a context of a length. The last token of an answer is shown, not evaluated.
    /// </summary>
    public int Positions(int contextLength) => Prompt.Length + Math.Min(MaxOutputTokens - 1, contextLength - Prompt.Length);
}

/// <summary>How a job went. Timestamps are those of <see cref="Stopwatch"/>.</summary>
/// <param name="Queued">It came.</param>
/// <param name="Started">It got a sequence.</param>
/// <param name="FirstToken">Its prompt was evaluated and its first token drawn.</param>
/// <param name="Ended">Its last token was drawn.</param>
/// <param name="Positions">Positions its sequence had at the end.</param>
/// <param name="Reused">Positions of the prompt that did not have to be evaluated.</param>
readonly record struct SequenceTimes(long Queued, long Started, long FirstToken, long Ended, int Positions, int Reused);
