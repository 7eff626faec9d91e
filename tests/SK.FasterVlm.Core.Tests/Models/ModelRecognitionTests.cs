using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Core.Tests.Gguf;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>Which family two files are of, with the metadata the families' real files carry.</summary>
public sealed class ModelRecognitionTests
{
    const string Instruct = "{{ '[INST] ' + message + ' [/INST]' }}", ChatMl = "{{ '<|im_start|>' + role }}",
        Header = "{{ '<|start_header_id|>' + role }}", Phi3 = "{{ '<|user|>' }}{{ '<|end|>' }}{{ '<|assistant|>' }}";

    static ModelFacts Facts(
        string name, string? template = null, int vocabulary = 32000, bool grouped = false, string projector = "mlp", bool tiles = false,
        string architecture = "llama") => new()
        {
            Name = name,
            Architecture = architecture,
            ChatTemplate = template,
            VocabularySize = vocabulary,
            GroupedQueries = grouped,
            ProjectorType = projector,
            HasTiles = tiles,
        };

    // Name, template, vocabulary and attention as in the published conversions; "LLaMA v2" is what early ones call themselves.
    public static TheoryData<ModelFacts, string, string?> Families => new()
    {
        { Facts("LLaMA v2"), "LLaVA-1.5", "vicuna_v1" },
        { Facts("llava-v1.5-13b", ChatMl), "LLaVA-1.5", "vicuna_v1" },
        { Facts("1.6", tiles: true), "LLaVA-1.6 (Vicuna)", "vicuna_v1" },
        { Facts("llava-v1.6-vicuna-7b", Instruct, tiles: true), "LLaVA-1.6 (Vicuna)", "vicuna_v1" },
        { Facts("1.6", Instruct, grouped: true, tiles: true), "LLaVA-1.6 (Mistral)", "llava-1.6-mistral" },
        { Facts("LLaMA v2", grouped: true, tiles: true), "LLaVA-1.6 (Mistral)", "llava-1.6-mistral" },
        { Facts("llava-v1.6-mistral-7b", grouped: true), "LLaVA-1.6 (Mistral)", "llava-1.6-mistral" },
        { Facts("LLaMA v2", grouped: true), "BakLLaVA", "vicuna_v1" },
        { Facts("BakLLaVA-1", Instruct, grouped: true), "BakLLaVA", "vicuna_v1" },
        { Facts("mistralai_mistral-7b-v0.1", Instruct, grouped: true), "BakLLaVA", "vicuna_v1" },
        { Facts("llava-v1.6-34b", ChatMl, 64_000, true, tiles: true), "LLaVA-1.6-34B (Yi)", "chatml" },
        { Facts("LLaMA v2", null, 64_000, true, tiles: true), "LLaVA-1.6-34B (Yi)", "chatml" },
        { Facts("llava-phi-3-mini", Phi3, 32_064, architecture: "phi3"), "LLaVA-Phi-3", "phi-3" },
        { Facts("model", null, 32_064, architecture: "phi3"), "LLaVA-Phi-3", "phi-3" },
        { Facts("llava-llama-3-8b-v1_1", Header, 128_256, true), "LLaVA-Llama-3", "llama-3" },
        { Facts("model", null, 128_264, true), "LLaVA-Llama-3", "llama-3" },
        { Facts("model", Header, 128_256, true, tiles: true), "LLaVA-NeXT (Llama 3)", "llama-3" },
        { Facts("MobileVLM-1.7B", projector: "ldp"), "MobileVLM", "vicuna_v1" },
        { Facts("LLaMA v2", projector: "ldpv2"), "MobileVLM V2", "vicuna_v1" },
        // Evidence against the name, or against what the template is known from.
        { Facts("llava-v1.5-llama-3-8b", Header, 128_256, true), "LLaVA-Llama-3", "llama-3" },
        { Facts("llava-v1.5-llama-3-8b", null, 768, true), "LLaVA-Llama-3", "llama-3" },
        { Facts("llava-1.5-next", null, 128_257, true, tiles: true), "LLaVA-NeXT (Llama 3)", "llama-3" },
        { Facts("vicuna-like", ChatMl, 64_000, true, tiles: true), "LLaVA-1.6-34B (Yi)", "chatml" },
        { Facts("1.6", Instruct, tiles: true), "LLaVA-1.6 (Vicuna)", "vicuna_v1" },
        { Facts("not-a-mistral"), "LLaVA-1.5", "vicuna_v1" },
        { Facts("qwen", ChatMl, 151_936, true, tiles: true), "LLaVA on a ChatML model", "chatml" },
        { Facts("Yi-VL", projector: "mlp_norm", vocabulary: 5), "LLaVA on a ChatML model", "chatml" },
        { Facts("x", "{{ '<start_of_turn>' }}", architecture: "gemma"), "gemma with a chat template of its own", null },
    };

    [Theory, MemberData(nameof(Families), DisableDiscoveryEnumeration = true)]
    public void Families_are_told_by_what_is_in_the_files(ModelFacts facts, string family, string? template)
    {
        RecognizedModel recognized = ModelRecognition.Recognize(facts);
        Assert.Equal((family, template), (recognized.Family, recognized.Template));
        Assert.NotEmpty(recognized.Evidence);
    }

    /// <summary>Geometry, options, family, template: small random models with the metadata of real ones.</summary>
    public static TheoryData<string> Pairs =>
    [
        "1.5", "1.6-vicuna", "1.6-mistral", "1.6-34b", "bakllava", "phi-3", "llama-3", "next-llama-3", "real-vocabulary-34b", "real-vocabulary-llama-3",
        "mobilevlm", "mobilevlm-v2", "yi-norms",
    ];

    static (ModelGeometry Geometry, SyntheticModelOptions Options, string Family, string Template) Pair(string name)
    {
        ModelGeometry tiny = ModelGeometry.Tiny, next = ModelGeometry.TinyNext;
        return name switch
        {
            "1.5" => (tiny, new() { Name = "LLaMA v2" }, "LLaVA-1.5", "vicuna_v1"),
            "1.6-vicuna" => (next, new() { Name = "llava-v1.6-vicuna-7b" }, "LLaVA-1.6 (Vicuna)", "vicuna_v1"),
            "1.6-mistral" => (Grouped(next), new() { Name = "1.6", ChatTemplate = Instruct }, "LLaVA-1.6 (Mistral)", "llava-1.6-mistral"),
            "1.6-34b" => (Grouped(next), new() { Name = "llava-v1.6-34b", ChatTemplate = ChatMl, Vocabulary = SyntheticVocabularyKind.SpmChatMl },
                "LLaVA-1.6-34B (Yi)", "chatml"),
            "bakllava" => (Grouped(tiny), new() { Name = "LLaMA v2" }, "BakLLaVA", "vicuna_v1"),
            "phi-3" => (tiny, new() { Name = "llava-phi-3-mini", ChatTemplate = Phi3, Architecture = SyntheticArchitecture.Phi3, Vocabulary = SyntheticVocabularyKind.SpmPhi3 },
                "LLaVA-Phi-3", "phi-3"),
            "llama-3" => (Grouped(tiny), new() { Name = "llava-llama-3-8b", ChatTemplate = Header, Vocabulary = SyntheticVocabularyKind.BpeLlama3 },
                "LLaVA-Llama-3", "llama-3"),
            "next-llama-3" => (Grouped(next), new() { Name = "model", ChatTemplate = Header, Vocabulary = SyntheticVocabularyKind.BpeLlama3 },
                "LLaVA-NeXT (Llama 3)", "llama-3"),
            // Nothing but the number of pieces tells these: Yi's with SentencePiece, Llama 3's with byte pairs.
            "real-vocabulary-34b" => (Pieces(Grouped(next), 64_000), new() { Name = "1.6", Vocabulary = SyntheticVocabularyKind.SpmChatMl },
                "LLaVA-1.6-34B (Yi)", "chatml"),
            "real-vocabulary-llama-3" => (Pieces(Grouped(tiny), 128_256), new() { Name = "model", Vocabulary = SyntheticVocabularyKind.BpeLlama3 },
                "LLaVA-Llama-3", "llama-3"),
            "mobilevlm" => (ModelGeometry.TinyLdp, new() { Name = "MobileLLaMA" }, "MobileVLM", "vicuna_v1"),
            "mobilevlm-v2" => (ModelGeometry.TinyLdpV2, new() { Name = "MobileLLaMA" }, "MobileVLM V2", "vicuna_v1"),
            _ => (tiny, new() { Name = "vicuna", Projector = ProjectorKind.MlpNorm }, "LLaVA with a projector with norms (Yi-VL)", "vicuna_v1"),
        };

        static ModelGeometry Pieces(ModelGeometry geometry, int count) => geometry with { Language = geometry.Language with { Vocabulary = count } };

        static ModelGeometry Grouped(ModelGeometry geometry) => geometry with { Language = geometry.Language with { KeyValueHeads = 1 } };
    }

    [Theory, MemberData(nameof(Pairs))]
    public async Task Files_of_every_family_load_and_answer(string name)
    {
        (ModelGeometry geometry, SyntheticModelOptions options, string family, string template) = Pair(name);
        using var folder = new TemporaryDirectory();
        (string modelPath, string projectorPath) = SyntheticModel.Write(folder.Path, geometry, options, cancellationToken: TestContext.Current.CancellationToken);

        // The headers alone tell the same as the loaded parts.
        (LanguageHeader language, ClipHeader vision) = ModelPairValidator.Validate(modelPath, projectorPath);
        Assert.Equal(family, ModelRecognition.Recognize(ModelFacts.Of(language, vision)).Family);

        FasterVlmOptions load = new() { ModelPath = modelPath, ProjectorPath = projectorPath, Threads = 1, MaxOutputTokens = 2 };
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(load, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal((family, template), (model.Family, model.Template.Name));
        await TinyPair.AnswerAsync(model);
    }

    [Theory]
    [InlineData("qwen2vl_merger", "Qwen2-VL")]
    [InlineData("gemma3", "Gemma 3")]
    [InlineData("idefics3", "SmolVLM")]
    [InlineData("resampler", "MiniCPM-V")]
    [InlineData("ultravox", "audio")]
    [InlineData("something", "no model this library knows")]
    public void Foreign_projectors_are_refused_by_name(string type, string name)
    {
        // Like theirs: other keys and tensors, no [CLS], and the type under the newer key.
        GgufFile foreign = GgufEdit.Projector().Remove("clip.projector_type").Set("clip.vision.projector_type", type)
            .Remove("v.class_embd").Remove("mm.0.weight").Remove("clip.vision.patch_size").ToFile();
        var error = Assert.Throws<ModelFormatException>(() => ModelPairValidator.Validate(GgufEdit.Model().ToFile(), foreign));
        Assert.Contains($"('{type}')", error.Message, StringComparison.Ordinal);
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains("ldpv2", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qwen2vl")]
    [InlineData("whisper")]
    [InlineData("mllama")]
    public void Foreign_language_models_are_refused_by_name(string architecture)
    {
        GgufFile foreign = GgufEdit.Model().Set("general.architecture", architecture).ToFile();
        var error = Assert.Throws<ModelFormatException>(() => ModelPairValidator.Validate(foreign, GgufEdit.Projector().ToFile()));
        Assert.Contains($"'{architecture}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_projector_that_halves_an_odd_grid_is_refused()
    {
        ModelGeometry odd = ModelGeometry.TinyLdp with { Vision = ModelGeometry.Tiny.Vision with { ImageSize = 70 } };
        GgufFile file = GgufFile.Parse(SyntheticProjector.Build(odd, new SyntheticModelOptions()).ToArray().Bytes);
        Assert.Contains("5 x 5 patches", Assert.Throws<ModelFormatException>(() => ClipHeader.Read(file)).Message, StringComparison.Ordinal);
    }
}
