using LLama;
using LLama.Common;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.LLamaSharp.Tests;

/// <summary>LLamaSharp's implementation over the conformance tests' model, with weights the application has loaded.</summary>
public class LLamaSharpFixture : LanguageModelFixture
{
    public LLamaSharpFixture() => Weights = LLamaWeights.LoadFromFile(new ModelParams(ModelPath) { GpuLayerCount = 0 });

    public LLamaWeights Weights { get; }

    protected override ILanguageModel Create(FasterVlmOptions options) => LLamaSharpLanguageModel.Create(Weights, options);

    protected override void Dispose(bool disposing)
    {
        Weights.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>As before, with the file known too: text and images share a pass.</summary>
public sealed class LLamaSharpFileFixture : LLamaSharpFixture
{
    protected override ILanguageModel Create(FasterVlmOptions options) => LLamaSharpLanguageModel.Create(Weights, options, ModelPath);
}

public sealed class LLamaSharpEvaluation(LLamaSharpFixture fixture) : EvaluationConformance<LLamaSharpFixture>(fixture);

public sealed class LLamaSharpEvaluationWithFile(LLamaSharpFileFixture fixture) : EvaluationConformance<LLamaSharpFileFixture>(fixture);

public sealed class LLamaSharpSequences(LLamaSharpFixture fixture) : SequenceConformance<LLamaSharpFixture>(fixture);

public sealed class LLamaSharpSharedCache(LLamaSharpFixture fixture) : SharedCacheConformance<LLamaSharpFixture>(fixture);

public sealed class LLamaSharpSampling(LLamaSharpFixture fixture) : SamplingConformance<LLamaSharpFixture>(fixture);

public sealed class LLamaSharpGrammar(LLamaSharpFixture fixture) : GrammarConformance<LLamaSharpFixture>(fixture);

public sealed class LLamaSharpTokenizer(LLamaSharpFixture fixture) : TokenizerConformance<LLamaSharpFixture>(fixture);
