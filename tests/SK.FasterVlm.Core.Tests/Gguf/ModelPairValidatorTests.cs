using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Core.Tests.Gguf;

public sealed class ModelPairValidatorTests
{
    [Fact]
    public void Validate_Tiny_ReadsBoth()
    {
        using var folder = new TemporaryDirectory();
        (string model, string projector) = SyntheticModel.Write(
            folder.Path, ModelGeometry.Tiny, new SyntheticModelOptions { ChatTemplate = "{{ messages }}" },
            cancellationToken: TestContext.Current.CancellationToken);
        (LanguageHeader language, ClipHeader vision) = ModelPairValidator.Validate(model, projector);
        Assert.Equal(("llama", 64, 2, 512, 768, "llama", "{{ messages }}"),
            (language.Architecture, language.EmbeddingWidth, language.LayerCount, language.ContextLength, language.VocabularySize,
                language.TokenizerModel, language.ChatTemplate));
        Assert.Equal(language.EmbeddingWidth, vision.OutputWidth);
    }

    [Fact]
    public void F6_Validate_ProjectorOfAnotherModel_NamesBothWidths()
    {
        ModelGeometry wide = ModelGeometry.Tiny with { Language = ModelGeometry.Tiny.Language with { Width = 128 } };
        GgufFile projector = GgufFile.Parse(SyntheticProjector.Build(wide, new SyntheticModelOptions()).ToArray().Bytes);
        var error = Assert.Throws<ModelFormatException>(() => ModelPairValidator.Validate(GgufEdit.Model().ToFile(), projector));
        Assert.Contains("produces rows of 128 but memory expects 64; the projector belongs to another model", error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_FilesExchanged_SaysWhichIsWhich()
    {
        GgufFile model = GgufEdit.Model().ToFile(), projector = GgufEdit.Projector().ToFile();
        Assert.Contains("is a projector", Message(projector, projector), StringComparison.Ordinal);
        Assert.Contains("is a language model (architecture 'llama')", Message(model, model), StringComparison.Ordinal);

        static string Message(GgufFile model, GgufFile projector) =>
            Assert.Throws<ModelFormatException>(() => ModelPairValidator.Validate(model, projector)).Message;
    }

    public static TheoryData<string, object> BadKeys => new()
    {
        { "general.architecture", "bert" },
        { "general.architecture", "\u001b[31mred" },
        { "llama.embedding_length", 0u },
        { "llama.embedding_length", 128u },
        { "llama.embedding_length", 64 },
        { "llama.block_count", 0u },
        { "llama.block_count", 513u },
        { "llama.context_length", 0u },
        { "llama.attention.head_count", 0u },
        { "llama.attention.head_count", 3u },
        { "llama.attention.head_count_kv", 0u },
        { "llama.attention.head_count_kv", 3u },
        { "llama.attention.layer_norm_rms_epsilon", -1f },
        { "llama.attention.layer_norm_rms_epsilon", float.NaN },
        { "llama.attention.causal", false },
        { "llama.rope.dimension_count", 31u },
        { "llama.rope.dimension_count", 64u },
        { "llama.expert_count", 513u },
        { "llama.expert_used_count", 1u },
        { "tokenizer.ggml.tokens", Array.Empty<string>() },
        { "tokenizer.ggml.tokens", new string[] { "a" } },
        { "tokenizer.ggml.tokens", "a" },
        { "tokenizer.ggml.scores", new float[] { 1 } },
        { "tokenizer.ggml.token_type", new int[] { 1 } },
        { "tokenizer.ggml.bos_token_id", 768u },
        { "tokenizer.ggml.eos_token_id", 0x7FFFFFFFu },
    };

    [Theory]
    [MemberData(nameof(BadKeys))]
    public void F6_Read_ImpossibleLanguageModel_Throws(string key, object value)
    {
        GgufFile file = GgufEdit.Model().Set(key, value).ToFile();
        var error = Assert.Throws<ModelFormatException>(() => LanguageHeader.Read(file));
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    [Theory]
    [InlineData("general.architecture")]
    [InlineData("llama.embedding_length")]
    [InlineData("llama.block_count")]
    [InlineData("llama.context_length")]
    [InlineData("tokenizer.ggml.tokens")]
    [InlineData("tokenizer.ggml.model")]
    [InlineData("token_embd.weight")]
    public void Read_LanguageModelLacksSomething_NamesIt(string name) => Assert.Contains(
        name, Assert.Throws<ModelFormatException>(() => LanguageHeader.Read(GgufEdit.Model().Remove(name).ToFile())).Message,
            StringComparison.Ordinal);
}
