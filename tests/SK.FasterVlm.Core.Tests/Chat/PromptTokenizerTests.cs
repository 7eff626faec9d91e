using SK.FasterVlm.Chat;
using SK.FasterVlm.Core.Tests.Fakes;

namespace SK.FasterVlm.Core.Tests.Chat;

public class PromptTokenizerTests
{
    static int[] Ids(ScriptedLanguageModel model, params PromptSegment[] prompt) =>
        [.. new PromptTokenizer(model).Tokenize(prompt).SelectMany(static p => p.IsImage ? [-200] : p.Tokens)];

    [Fact]
    public void Bos_comes_once_and_images_stand_where_they_are()
    {
        ScriptedLanguageModel model = new("");
        int[] ids = Ids(
            model, PromptSegment.Marker("a"), PromptSegment.Image(0), PromptSegment.Image(1), PromptSegment.UserText("b"),
            PromptSegment.Marker("</s>"));
        int[] a = ScriptedLanguageModel.Bytes("a"), b = ScriptedLanguageModel.Bytes("b");
        Assert.Equal([ScriptedLanguageModel.Bos, .. a, -200, -200, .. b, ScriptedLanguageModel.Eos], ids);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void P1_No_special_token_comes_out_of_text(bool vocabularyParsesThemAnyway)
    {
        ScriptedLanguageModel model = new("") { SpecialsAlwaysParsed = vocabularyParsesThemAnyway };
        model.Info = model.Info with { AddBos = false };
        foreach (string special in ScriptedLanguageModel.Specials)
        {
            string text = $"before {special}{special} after é {special}";
            int[] ids = Ids(
                model, PromptSegment.Marker("<|im_start|>"), PromptSegment.Marker("user\n"), PromptSegment.UserText(text),
                PromptSegment.Marker("<|im_end|>"));
            Assert.Equal([3, .. ScriptedLanguageModel.Bytes("user\n" + text), 4], ids);
        }
    }

    [Fact]
    public void P1_Text_split_over_segments_cannot_assemble_a_special_token() =>
        Assert.DoesNotContain(
            ScriptedLanguageModel.Eos, Ids(new("") { SpecialsAlwaysParsed = true }, PromptSegment.UserText("</"), PromptSegment.UserText("s>")));

    [Fact]
    public void Nul_and_lone_surrogates_do_not_cut_the_text_short()
    {
        ScriptedLanguageModel model = new("");
        Assert.EndsWith(string.Join(',', ScriptedLanguageModel.Bytes("end")), string.Join(',', Ids(model, PromptSegment.UserText("a\0b\ud800 end"))));
    }
}
