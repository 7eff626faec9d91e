using Microsoft.Extensions.Logging;

namespace SK.FasterVlm;

/// <summary>Where a hosted model is in its life.</summary>
public enum FasterVlmModelState
{
    /// <summary>Nobody has asked for it yet.</summary>
    NotLoaded,

    /// <summary>It is being loaded.</summary>
    Loading,

    /// <summary>It can be used.</summary>
    Loaded,

    /// <summary>The last load failed; the next request tries again.</summary>
    Failed,

    /// <summary>Its host is disposed.</summary>
    Disposed,
}

/// <summary>
/// Loads a model when it is first needed, once, and shares it; the container that made the host disposes it, and the model with it.
/// Ask for it at start-up (<see cref="GetModelAsync"/>) to have the model warm. Thread-safe.
/// </summary>
public sealed class FasterVlmModelHost : IAsyncDisposable, IDisposable
{
    readonly Lock _lock = new();
    readonly CancellationTokenSource _disposing = new();
    readonly Func<CancellationToken, Task<FasterVlmModel>> _load;
    Task<FasterVlmModel>? _model;

    /// <summary>Creates a host; nothing is loaded yet.</summary>
    /// <param name="options">What to load.</param>
    /// <param name="loggers">For the model's loggers; null for none.</param>
    public FasterVlmModelHost(FasterVlmOptions options, ILoggerFactory? loggers = null)
        : this(options, token => FasterVlmModel.LoadAsync(options, loggers, cancellationToken: token)) { }

    internal FasterVlmModelHost(FasterVlmOptions options, Func<CancellationToken, Task<FasterVlmModel>> load)
    {
        ArgumentNullException.ThrowIfNull(options);
        (ModelId, Options) = (NameOf(options), options);
        _load = load;
    }

    /// <summary>Name under which the model is known: the options' own, the file's name, or that of the embedded model.</summary>
    public string ModelId { get; }

    /// <summary>What is loaded.</summary>
    internal FasterVlmOptions Options { get; }

    /// <summary>Where the model is in its life.</summary>
    public FasterVlmModelState State => _disposing.IsCancellationRequested ? FasterVlmModelState.Disposed : Volatile.Read(ref _model) switch
    {
        null => FasterVlmModelState.NotLoaded,
        { IsCompletedSuccessfully: true } => FasterVlmModelState.Loaded,
        { IsCompleted: true } => FasterVlmModelState.Failed,
        _ => FasterVlmModelState.Loading,
    };

    /// <summary>Why the last load failed; null when it did not.</summary>
    public Exception? LoadError => Volatile.Read(ref _model)?.Exception?.InnerException;

    /// <summary>The requests of the clients that the container gave out.</summary>
    internal InFlightRequests InFlight { get; } = new();

    /// <summary>The model, if it has been loaded.</summary>
    public FasterVlmModel? Loaded => Volatile.Read(ref _model) is { IsCompletedSuccessfully: true } model ? model.Result : null;

    /// <summary>Gives the model, loading it first if need be. A load that failed is tried again by the next call.</summary>
    /// <param name="cancellationToken">Ends this wait; the load goes on for the others.</param>
    /// <exception cref="ObjectDisposedException">The host is disposed.</exception>
    public Task<FasterVlmModel> GetModelAsync(CancellationToken cancellationToken = default)
    {
        Task<FasterVlmModel> model;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
            if (_model is null or { IsFaulted: true } or { IsCanceled: true }) _model = _load(_disposing.Token);
            model = _model;
        }
        return model.WaitAsync(cancellationToken);
    }

    /// <summary>Ends a load in progress and disposes the model, running requests included.</summary>
    public async ValueTask DisposeAsync()
    {
        if (await CloseAsync().ConfigureAwait(false) is { } model) await model.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// As <see cref="DisposeAsync"/>, blocking until running requests have ended. A load in progress is disposed when it ends.
    /// </summary>
    public void Dispose()
    {
        Task<FasterVlmModel?> model = CloseAsync();
        if (model.IsCompletedSuccessfully) model.Result?.Dispose();
        else _ = DisposeLaterAsync(model);

        static async Task DisposeLaterAsync(Task<FasterVlmModel?> model) => (await model.ConfigureAwait(false))?.Dispose();
    }

    internal static string NameOf(FasterVlmOptions options) =>
        options.ModelId ?? options.Model ?? (options.ModelPath is { } path ? Path.GetFileNameWithoutExtension(path) : "tiny-llava");

    async Task<FasterVlmModel?> CloseAsync()
    {
        Task<FasterVlmModel>? model;
        lock (_lock)
        {
            _ = _disposing.CancelAsync();
            model = _model;
        }
        if (model is null) return null;
        await ((Task)model).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return model.IsCompletedSuccessfully ? await model.ConfigureAwait(false) : null;
    }
}
