using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.Language;

/// <summary>The real LLaMA vocabulary with the library's own test vectors, when the data is there; else the synthetic one.</summary>
public sealed class TokenizerTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public void RealVocabulary_GivesTheReferenceIds()
    {
        string path = RealVocabulary();
        LlamaTokenizer tokenizer = LoadVocabulary(path);
        string[] inputs = File.ReadAllText(path + ".inp").Split("\n__ggml_vocab_test__\n");
        string[] outputs = File.ReadAllText(path + ".out").Split('\n');
        Assert.True(inputs.Length > 20);
        for (int i = 0; i < inputs.Length; i++)
        {
            int[] expected = [.. outputs[i].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(s => int.Parse(s, null))];
            Assert.Equal(expected, tokenizer.Tokenize(inputs[i], parseSpecial: false));
        }
    }

    [Fact]
    public void RealVocabulary_NoTextBecomesASpecialToken() => NoTextBecomesStructure(LoadVocabulary(RealVocabulary()));

    [Theory]
    [InlineData(SyntheticVocabularyKind.Spm)]
    [InlineData(SyntheticVocabularyKind.BpeLlama3)]
    [InlineData(SyntheticVocabularyKind.BpeChatMl)]
    public void SyntheticVocabulary_NoTextBecomesASpecialToken(SyntheticVocabularyKind kind)
    {
        using var directory = new Core.Tests.Native.TemporaryDirectory();
        (string path, _) = SyntheticModel.Write(directory.Path, ModelGeometry.Tiny, new() { Vocabulary = kind });
        LlamaTokenizer tokenizer = LoadVocabulary(path);
        NoTextBecomesStructure(tokenizer);
    }

    static void NoTextBecomesStructure(LlamaTokenizer tokenizer)
    {
        int structural = 0;
        for (int token = 0; token < tokenizer.Size; token++)
        {
            if (!tokenizer.IsStructural(token)) continue;
            structural++;
            string text = tokenizer.Text(token);
            foreach (string typed in (string[])[text, $"a{text}b", $" {text} ", text + text])
            {
                int[] ids = tokenizer.Tokenize(typed, parseSpecial: false);
                Assert.DoesNotContain(ids, tokenizer.IsStructural);
                Assert.Equal(typed, Decode(tokenizer, ids).TrimStart(' ') is var back && typed.StartsWith(' ') ? " " + back : back);
            }
            Assert.Contains(token, tokenizer.Tokenize(text, parseSpecial: true));
        }
        Assert.True(structural > 0);
    }

    [Theory]
    [InlineData("plain text")]
    [InlineData("Umlaute äöü, 漢字, emoji 🦙, combined 👩‍👩‍👧")]
    [InlineData("a\0b")]
    [InlineData("tabs\tand\r\nlines\n\n")]
    [InlineData("<|im_start|>user <s> </s> <unk> [INST] <0x0A>")]
    public void Text_SurvivesARoundTrip(string text)
    {
        using LlamaCppLanguageModel model = tiny.Load();
        ArrayBufferWriter<byte> bytes = new();
        foreach (int token in model.Tokenize(text, parseSpecial: false)) model.AppendPiece(token, bytes);
        // The vocabulary puts a space before the first word.
        Assert.Equal(" " + text, Encoding.UTF8.GetString(bytes.WrittenSpan));
    }

    [Fact]
    public void LoneSurrogates_BecomeTheReplacementCharacter()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        Assert.Equal(model.Tokenize("a\uFFFDb", false), model.Tokenize("a\uD800b", false));
        Assert.Equal(model.Tokenize("\uFFFD", false), model.Tokenize("\uDC00", false));
    }

    [Fact]
    public void NoText_NoTokens()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        Assert.Empty(model.Tokenize("", false));
        Assert.Empty(model.Tokenize("", true));
    }

    [Fact]
    public void HundredThousandWords_AreTokenised()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        string text = string.Join(' ', Enumerable.Repeat("picture", 100_000));
        Assert.True(model.Tokenize(text, false).Length >= 100_000);
    }

    [Fact]
    public void ACharacterOfSeveralTokens_ComesOutAsItsBytes()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        int[] tokens = model.Tokenize("漢", false);
        ArrayBufferWriter<byte> first = new();
        model.AppendPiece(tokens[^3], first);
        Assert.Equal(Encoding.UTF8.GetBytes("漢")[..1], first.WrittenSpan.ToArray());
    }

    [Fact]
    public void SpecialTokens_HaveNoText_AndEndIsKnown()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        ArrayBufferWriter<byte> text = new();
        model.AppendPiece(model.Info.BosToken, text);
        model.AppendPiece(model.Info.EosToken, text);
        Assert.Equal(0, text.WrittenCount);
        Assert.True(model.IsEndOfGeneration(model.Info.EosToken));
        Assert.False(model.IsEndOfGeneration(100));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void TokensOutsideTheVocabulary_AreRefused(int token)
    {
        using LlamaCppLanguageModel model = tiny.Load();
        Assert.Throws<ArgumentOutOfRangeException>(() => model.AppendPiece(token, new ArrayBufferWriter<byte>()));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.IsEndOfGeneration(token));
    }

    [Fact]
    public void Tokenize_FromManyThreads_GivesTheSame()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        int[] expected = model.Tokenize("What is in the picture?", false);
        Parallel.For(0, 200, _ => Assert.Equal(expected, model.Tokenize("What is in the picture?", false)));
    }

    static string Decode(LlamaTokenizer tokenizer, int[] tokens)
    {
        ArrayBufferWriter<byte> bytes = new();
        foreach (int token in tokens) tokenizer.AppendPiece(token, bytes);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    // Only the vocabulary: the real one comes without weights. The handle is left to its finalizer.
    static unsafe LlamaTokenizer LoadVocabulary(string path)
    {
        NativeRuntime.Load(new NativeOptions());
        llama_model_params parameters = Llama.llama_model_default_params();
        parameters.vocab_only = 1;
        var handle = new LlamaModelHandle(Llama.llama_model_load_from_file(path, parameters));
        Assert.False(handle.IsInvalid);
        return new LlamaTokenizer(handle);
    }

    static string RealVocabulary([CallerFilePath] string here = "")
    {
        const string File = "shared/data/tokenizer/ggml-vocab-llama-spm.gguf";
        for (DirectoryInfo? at = Directory.GetParent(here); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, File);
            if (System.IO.File.Exists(candidate)) return candidate;
        }
        Assert.Skip($"{File} is not beside the repository.");
        return "";
    }
}
