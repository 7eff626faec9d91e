namespace SK.FasterVlm;

/// <summary>Base of every error this library throws on purpose. The message says what was wrong and what to do.</summary>
public class FasterVlmException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">One line: what was wrong and what to do.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public FasterVlmException(string message, Exception? innerException = null) : base(message, innerException) { }
}

/// <summary>A model or projector file is missing, damaged, of an unsupported kind, or does not fit its partner.</summary>
public sealed class ModelFormatException : FasterVlmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">One line: what was wrong and what to do.</param>
    /// <param name="field">The header field, key or tensor at fault, if known.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public ModelFormatException(string message, string? field = null, Exception? innerException = null)
        : base(message, innerException) => Field = field;

    /// <summary>The header field, metadata key or tensor at fault; null when the whole file is.</summary>
    public string? Field { get; }
}

/// <summary>Bytes that were to be an image are not one, are damaged, or exceed <see cref="Imaging.ImageLimits"/>.</summary>
public sealed class ImageFormatException(string message, Exception? innerException = null) : FasterVlmException(message, innerException);

/// <summary>The llama.cpp libraries are missing, of the wrong version, or refused a call.</summary>
public sealed class NativeRuntimeException(string message, Exception? innerException = null) : FasterVlmException(message, innerException);

/// <summary>The prompt (text and visual tokens) and the room for an answer do not fit the context.</summary>
public sealed class ContextLengthException : FasterVlmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="required">Positions the prompt needs, at least one for the answer included.</param>
    /// <param name="available">Positions the context has.</param>
    /// <param name="visualTokens">How many of the required positions are visual tokens.</param>
    public ContextLengthException(int required, int available, int visualTokens)
        : base($"The prompt needs {required} positions ({visualTokens} of them visual tokens) but the context has {available}; "
            + "shorten the conversation, keep fewer visual tokens or raise the context length.")
    {
        Required = required;
        Available = available;
        VisualTokens = visualTokens;
    }

    /// <summary>Positions the prompt needs.</summary>
    public int Required { get; }

    /// <summary>Positions the context has.</summary>
    public int Available { get; }

    /// <summary>How many of the required positions are visual tokens.</summary>
    public int VisualTokens { get; }
}

/// <summary>
/// A JSON schema asks for something a grammar cannot guarantee, so that an answer could violate it; or it allows no value at all.
/// </summary>
/// <param name="message">One line: what was wrong and what to do.</param>
/// <param name="path">Where in the schema, as a JSON pointer (<c>/properties/age</c>); empty for the whole of it.</param>
public sealed class SchemaNotSupportedException(string message, string path) : FasterVlmException(message)
{
    /// <summary>Where in the schema, as a JSON pointer; empty for the whole of it.</summary>
    public string SchemaPath => path;
}

/// <summary>A grammar came to a point at which no token of the model's vocabulary continues: it asks for text the model cannot spell.</summary>
/// <param name="message">One line: what was wrong and what to do.</param>
public sealed class GrammarException(string message) : FasterVlmException(message);

/// <summary>More requests are waiting than the queue takes. Nothing was done; the same request may succeed later.</summary>
public sealed class ServerBusyException : FasterVlmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="waiting">Requests that are waiting.</param>
    /// <param name="retryAfter">When a place should be free, by how long requests took lately.</param>
    public ServerBusyException(int waiting, TimeSpan retryAfter)
        : base($"{waiting} requests are waiting already; try again in {Math.Ceiling(retryAfter.TotalSeconds):0} s.")
    {
        Waiting = waiting;
        RetryAfter = retryAfter;
    }

    /// <summary>Requests that are waiting.</summary>
    public int Waiting { get; }

    /// <summary>When a place should be free: an estimate, 1 second to 10 minutes.</summary>
    public TimeSpan RetryAfter { get; }
}

/// <summary>A request did not end within its time limit.</summary>
public sealed class RequestTimeoutException : FasterVlmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="limit">The limit.</param>
    public RequestTimeoutException(TimeSpan limit)
        : base($"The request did not end within its limit of {limit.TotalSeconds:0.###} s; allow more time or ask for fewer tokens.") => Limit = limit;

    /// <summary>The limit.</summary>
    public TimeSpan Limit { get; }
}

/// <summary>Why a model could not be fetched, found or kept.</summary>
public enum ModelDownloadFailure
{
    /// <summary>No model of that name in the catalog or in the cache, or a name that is not allowed.</summary>
    UnknownModel,

    /// <summary>Not in the cache, and downloads are forbidden.</summary>
    Offline,

    /// <summary>The server could not be reached, broke off or stalled, also after the retries. What was fetched is kept.</summary>
    Network,

    /// <summary>The server wants a (different) token or permission: 401 or 403.</summary>
    AccessDenied,

    /// <summary>The server has no such repository, revision or file: 404 or 410.</summary>
    NotFound,

    /// <summary>The server answers in a way that cannot be trusted: sizes that contradict each other, endless redirects, other statuses.</summary>
    BadAnswer,

    /// <summary>An address that is neither https nor on this machine, or a redirect to one.</summary>
    Insecure,

    /// <summary>The bytes are not the ones announced. They were thrown away.</summary>
    WrongHash,

    /// <summary>The bytes are right but no model file (GGUF). They were thrown away.</summary>
    NotAModel,

    /// <summary>The disk is full, read-only or failing.</summary>
    Disk,

    /// <summary>Both files are model files but cannot be used together. They are kept, so that one of them can be exchanged.</summary>
    NotAPair,
}

/// <summary>A model could not be fetched or is not there. The message never holds a token or the query of a signed address.</summary>
/// <param name="failure">The kind of failure.</param>
/// <param name="message">One line: what was wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class ModelDownloadException(ModelDownloadFailure failure, string message, Exception? innerException = null)
    : FasterVlmException(message, innerException)
{
    /// <summary>The kind of failure.</summary>
    public ModelDownloadFailure Failure { get; } = failure;
}
