using System.Text;
using SK.FasterVlm.Evaluation.Running;

namespace SK.FasterVlm.Evaluation.Tests.Running;

/// <summary>A model that answers by rule and remembers what it was asked. An image file holds the answer itself.</summary>
sealed class ScriptedModel : IEvaluationModel
{
    internal List<string> Encoded { get; } = [];

    internal List<(string Image, string Question, string Configuration, int Seed)> Asked { get; } = [];

    /// <summary>Images alive; must be none after a run.</summary>
    internal int Open { get; private set; }

    /// <summary>Throws when this many answers have been given: an interruption.</summary>
    internal int? StopAfter { get; set; }

    internal Func<EvaluationConfiguration, double> FirstTokenMs { get; set; } = static configuration => 10 * configuration.Keep;

    internal Func<string, EvaluationConfiguration, string> Answer { get; set; } = static (content, configuration) => configuration.Keep >= 0.5 ? content : "wrong";

    public EvaluationModelInfo Info { get; set; } = new("scripted", [new("model.gguf", 12, "ab12")], new Dictionary<string, string> { ["template"] = "vicuna_v1" }, "0.1.0");

    public Task<IEvaluationImage> EncodeAsync(ReadOnlyMemory<byte> image, CancellationToken cancellationToken)
    {
        string content = Encoding.UTF8.GetString(image.Span);
        if (content == "damaged") throw new ImageFormatException("This is no image.");
        Encoded.Add(content);
        Open++;
        return Task.FromResult<IEvaluationImage>(new Image(this, content));
    }

    public Task<EvaluationReply> AnswerAsync(
        IEvaluationImage? image, string question, EvaluationConfiguration configuration, int seed, int maxOutputTokens, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Asked.Count == StopAfter) throw new OperationCanceledException("interrupted by the test");
        string content = ((Image?)image)?.Content ?? "";
        if (content == "long") throw new ContextLengthException(500, 100, 50);
        Asked.Add((content, question, configuration.Name, seed));
        return Task.FromResult(new EvaluationReply(Answer(content, configuration), (int)Math.Ceiling(144 * configuration.Keep), 144, FirstTokenMs(configuration), 20));
    }

    sealed class Image(ScriptedModel model, string content) : IEvaluationImage
    {
        internal string Content => content;

        public void Dispose() => model.Open--;
    }
}
