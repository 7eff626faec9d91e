using System.Buffers;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Language;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.Chat;

/// <summary>
/// Prompts as token ids with LLaMA's real vocabulary, against LLaVA's own way (<c>tokenizer_image_token</c>): write the conversation
/// as one string, split it at the image mark, tokenise every part with the prefix space of the LLaMA tokenizer, BOS once.
/// </summary>
public sealed class LlavaTokenIdTests : IDisposable
{
    const int Image = -200;
    const string Sentence = "A chat between a curious user and an artificial intelligence assistant. "
        + "The assistant gives helpful, detailed, and polite answers to the user's questions.";

    readonly VocabularyOnly? _vocabulary = VocabularyOnly.Find();

    public void Dispose() => _vocabulary?.Dispose();

    VocabularyOnly Vocabulary
    {
        get
        {
            Assert.SkipWhen(_vocabulary is null, "LLaMA's vocabulary is not here");
            return _vocabulary;
        }
    }

    int[] Ours(params ChatTurn[] turns) => Ours("vicuna_v1", turns);

    int[] Ours(string template, params ChatTurn[] turns) =>
        [.. new PromptTokenizer(Vocabulary).Tokenize(ChatTemplate.ByName(template).Build(null, turns)).SelectMany(static p => p.IsImage ? [Image] : p.Tokens)];

    /// <summary>LLaVA's way, with <c>§</c> for the image mark and <c>¶</c> for the end-of-sequence token.</summary>
    int[] Theirs(string prompt)
    {
        List<int> ids = [Vocabulary.Info.BosToken];
        string[] chunks = prompt.Split('§');
        for (int i = 0; i < chunks.Length; i++)
        {
            if (i > 0) ids.Add(Image);
            string[] pieces = chunks[i].Split('¶');
            for (int j = 0; j < pieces.Length; j++)
            {
                if (j > 0) ids.Add(Vocabulary.Info.EosToken);
                if (pieces[j].Length > 0) ids.AddRange(Vocabulary.Tokenize(pieces[j], false));
            }
        }
        return [.. ids];
    }

    [Fact]
    public void The_llava_prompt_has_the_ids_the_model_was_trained_with() =>
        Assert.Equal(
            [
                1, 319, 13563, 1546, 263, 12758, 1404, 322, 385, 23116, 21082, 20255, 29889, 450, 20255, 4076, 8444, 29892, 13173, 29892, 322,
                1248, 568, 6089, 304, 278, 1404, 29915, 29879, 5155, 29889, 3148, 1001, 29901, 29871, Image, 29871, 13, 5618, 338, 445, 29973,
                319, 1799, 9047, 13566, 29901,
            ],
            Ours(ChatTurn.User("What is this?", 0)));

    [Theory]
    [InlineData("What is this?")]
    [InlineData("a")]
    [InlineData(" leading and trailing ")]
    [InlineData("two\n\nlines  and   spaces\n")]
    [InlineData("Is there a cat in the image?\nAnswer the question using a single word or phrase.")]
    [InlineData("naïve café, 图像里有什么? 🐈")]
    [InlineData("ASSISTANT: USER: [INST]")]
    public void Any_ordinary_text_has_llavas_ids(string text)
    {
        Assert.Equal(Theirs($"{Sentence} USER: §\n{text} ASSISTANT:"), Ours(ChatTurn.User(text, 0)));
        Assert.Equal(Theirs($"{Sentence} USER: {text} ASSISTANT:"), Ours(ChatTurn.User(text)));
        Assert.Equal(
            Theirs($"{Sentence} USER: §\n§\n{text} ASSISTANT: {text}¶USER: {text} ASSISTANT: It is.¶USER: §\n{text} ASSISTANT:"),
            Ours(ChatTurn.User(text, 0, 1), ChatTurn.Assistant(text), ChatTurn.User(text), ChatTurn.Assistant("It is."), ChatTurn.User(text, 2)));
        Assert.Equal(
            Theirs($"[INST] §\n{text} [/INST] It is. ¶[INST] {text} [/INST]"),
            Ours("llava-1.6-mistral", ChatTurn.User(text, 0), ChatTurn.Assistant("It is."), ChatTurn.User(text)));
    }

    [Fact]
    public void A_special_token_typed_by_a_user_is_text()
    {
        foreach (string special in new[] { "<s>", "</s>", "<unk>" })
        {
            int[] ids = Ours(ChatTurn.User($"{special} {special}{special}x", 0));
            Assert.Equal(1, ids[0]);
            Assert.All(ids.Skip(1), static id => Assert.True(id is Image or > 2));
            Assert.Contains(special + " ", Vocabulary.Text(ids));
        }
    }

    [Fact]
    public void A_long_word_is_tokenised_in_time()
    {
        int[] ids = Ours(ChatTurn.User(new string('a', 1_000_000)));
        Assert.True(ids.Length > 10_000);
    }

    /// <summary>A model file that holds a vocabulary and nothing else.</summary>
    sealed unsafe class VocabularyOnly : ILanguageModel
    {
        readonly LlamaModelHandle _model;
        readonly LlamaTokenizer _tokenizer;

        VocabularyOnly(string path)
        {
            NativeRuntime.Load(new NativeOptions());
            llama_model_params parameters = Llama.llama_model_default_params();
            parameters.vocab_only = 1;
            _model = new LlamaModelHandle(Llama.llama_model_load_from_file(path, parameters));
            _tokenizer = new LlamaTokenizer(_model);
            Info = new("llama", "llama", 1, 1, _tokenizer.Size, 1, _tokenizer.BosToken, _tokenizer.EosToken, true, null, 1, 1);
        }

        public LanguageModelInfo Info { get; }

        /// <summary>Looks above the test's folder for the vocabulary, which is not part of the repository.</summary>
        public static VocabularyOnly? Find()
        {
            for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            {
                string path = Path.Combine(folder.FullName, "shared", "data", "tokenizer", "ggml-vocab-llama-spm.gguf");
                if (File.Exists(path)) return new VocabularyOnly(path);
            }
            return null;
        }

        public string Text(IEnumerable<int> ids)
        {
            ArrayBufferWriter<byte> bytes = new();
            foreach (int id in ids) if (id >= 0) AppendPiece(id, bytes);
            return System.Text.Encoding.UTF8.GetString(bytes.WrittenSpan);
        }

        public int[] Tokenize(string text, bool parseSpecial) => _tokenizer.Tokenize(text, parseSpecial);

        public void AppendPiece(int token, IBufferWriter<byte> output) => _tokenizer.AppendPiece(token, output);

        public bool IsEndOfGeneration(int token) => _tokenizer.IsEndOfGeneration(token);

        public void Dispose() => _model.Dispose();

        public int ContextLength => 0;

        public int SequenceCount => 0;

        public int BatchLength => 0;

        public ReadOnlySpan<float> GetLogits(int sequence) => throw new NotSupportedException();

        public void Evaluate(IReadOnlyList<SequenceRows> batch, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public void Evaluate(int sequence, IReadOnlyList<PromptRows> rows, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public int SequenceLength(int sequence) => throw new NotSupportedException();

        public void TrimSequence(int sequence, int length) => throw new NotSupportedException();

        public void CopySequence(int source, int target, int length) => throw new NotSupportedException();

        public ITokenSampler CreateSampler(SamplingSettings settings) => throw new NotSupportedException();
    }
}
