using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.Language;

/// <summary>The real LLaMA vocabulary with the library's own test vectors, when the data is there; else the synthetic one.</summary>
public sealed class TokenizerTests
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
    public void P1_RealVocabulary_NoTextBecomesASpecialToken() => NoTextBecomesStructure(LoadVocabulary(RealVocabulary()));

    [Theory]
    [InlineData(SyntheticVocabularyKind.Spm)]
    [InlineData(SyntheticVocabularyKind.BpeLlama3)]
    [InlineData(SyntheticVocabularyKind.BpeChatMl)]
    public void P1_SyntheticVocabulary_NoTextBecomesASpecialToken(SyntheticVocabularyKind kind)
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
