namespace SK.FasterVlm.Evaluation.Running;

/// <summary>An encoded image, usable for any number of questions until disposed.</summary>
public interface IEvaluationImage : IDisposable
{
}

/// <summary>A file of the model under test.</summary>
/// <param name="Name">File name without folder.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Sha256">Hash, lower-case hexadecimal.</param>
public sealed record ModelFile(string Name, long Bytes, string Sha256);

/// <summary>What a report says about the model, and what makes two runs comparable.</summary>
/// <param name="Name">Name of the model.</param>
/// <param name="Files">Its files.</param>
/// <param name="Settings">Whatever else can change an answer: template, context, views, attention, precision, backend.</param>
/// <param name="LibraryVersion">Version of this library.</param>
/// <param name="LibraryRevision">Source revision the library was built from; null when its build did not know.</param>
public sealed record EvaluationModelInfo(
    string Name, IReadOnlyList<ModelFile> Files, IReadOnlyDictionary<string, string> Settings, string LibraryVersion, string? LibraryRevision = null);

/// <summary>An answer with its cost.</summary>
/// <param name="Text">The answer, trimmed.</param>
/// <param name="VisualTokens">Visual tokens the language model got.</param>
/// <param name="VisualTokensTotal">Visual tokens there would have been without pruning.</param>
/// <param name="FirstTokenMs">From the question to the first token, the image being encoded already.</param>
/// <param name="TotalMs">From the question to the end of the answer.</param>
public sealed record EvaluationReply(string Text, int VisualTokens, int VisualTokensTotal, double FirstTokenMs, double TotalMs);

/// <summary>The seam between the harness and a model: encode an image once, answer questions about it under any configuration.</summary>
public interface IEvaluationModel
{
    /// <summary>Facts for the manifest and the report.</summary>
    EvaluationModelInfo Info { get; }

    /// <summary>Encodes an image.</summary>
    /// <exception cref="ImageFormatException">Not an image, damaged, or too large; the run goes on without it.</exception>
    Task<IEvaluationImage> EncodeAsync(ReadOnlyMemory<byte> image, CancellationToken cancellationToken);

    /// <summary>Answers one question by greedy decoding. Equal arguments give equal texts.</summary>
    /// <param name="image">From <see cref="EncodeAsync"/>; null for a question without an image.</param>
    /// <param name="question">The question, put as one user message behind the image.</param>
    /// <param name="configuration">Selector and budget.</param>
    /// <param name="seed">For selectors that draw at random.</param>
    /// <param name="maxOutputTokens">Most tokens of the answer.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ContextLengthException">The question does not fit; the run goes on without it.</exception>
    Task<EvaluationReply> AnswerAsync(
        IEvaluationImage? image, string question, EvaluationConfiguration configuration, int seed, int maxOutputTokens, CancellationToken cancellationToken);
}
