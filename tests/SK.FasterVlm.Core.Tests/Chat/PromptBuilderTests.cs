using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;

namespace SK.FasterVlm.Core.Tests.Chat;

public class PromptBuilderTests
{
    static readonly ChatTemplate s_template = ChatTemplate.ByName("vicuna_v1");

    static string Show(params ChatMessage[] messages) => Show(null, messages);

    static string Show(string? instructions, params ChatMessage[] messages) =>
        string.Concat(PromptBuilder.Build(s_template, messages, instructions).Segments
            .Select(static s => s.Kind == PromptSegmentKind.Image ? $"<{s.ImageIndex}>" : s.Text));

    static DataContent Picture(byte tag = 1, string type = "image/png") => new(new byte[] { tag }, type);

    [Fact]
    public void Images_come_before_the_text_of_their_message_wherever_the_caller_put_them()
    {
        string first = Show("", new ChatMessage(ChatRole.System, "S"), new ChatMessage(ChatRole.User, [Picture(), Picture(), new TextContent("q")]));
        Assert.Equal("S USER: <0>\n<1>\nq ASSISTANT:", first);
        Assert.Equal(first, Show(new ChatMessage(ChatRole.System, "S"), new ChatMessage(ChatRole.User, [Picture(), new TextContent("q"), Picture()])));
    }

    [Fact]
    public void System_texts_are_gathered_and_neighbours_of_one_role_joined() =>
        Assert.Equal(
            "I\nS\nT USER: <0>\na\nb ASSISTANT: c d</s>USER: e\nf ASSISTANT:",
            Show("I", new(ChatRole.System, "S"), new(ChatRole.User, "a"), new(ChatRole.User, [Picture(), new TextContent("b")]),
                new(ChatRole.Assistant, [new TextContent("c"), new TextContent(" d")]), new(new ChatRole("developer"), "T"),
                new(ChatRole.User, [new TextContent("e"), new TextContent("f")])));

    [Fact]
    public void Images_keep_the_order_of_the_conversation()
    {
        BuiltPrompt prompt = PromptBuilder.Build(s_template,
        [
            new(ChatRole.User, [Picture(7), new TextContent("a")]), new(ChatRole.Assistant, "b"),
            new(ChatRole.User, [new TextContent("c"), Picture(8, "application/octet-stream")]),
        ]);
        Assert.Equal([7, 8], prompt.Images.Select(static i => i.Bytes.Span[0]));
    }

    [Fact]
    public void A_data_uri_is_an_image_and_other_addresses_are_refused()
    {
        ChatMessage data = new(ChatRole.User, [new UriContent("data:image/png;base64,AQID", "image/png")]);
        Assert.Equal([1, 2, 3], PromptBuilder.Build(s_template, [data]).Images[0].Bytes.ToArray());
        foreach (string address in new[] { "http://localhost/a.png", "https://example.org/a.png", "file:///etc/passwd", "ftp://a/b" })
        {
            ChatMessage message = new(ChatRole.User, [new UriContent(address, "image/*")]);
            Assert.Contains("does not fetch", Assert.Throws<NotSupportedException>(() => Show(message)).Message);
        }
    }

    [Fact]
    public void Images_of_the_assistant_come_with_the_users_turn_that_follows_and_before_its_own()
    {
        ChatMessage[] messages =
        [
            new(ChatRole.User, "draw"), new(ChatRole.Assistant, [new TextContent("here"), Picture(7)]),
            new(ChatRole.Assistant, [Picture(8)]), new(ChatRole.User, [Picture(9), new TextContent("what is it?")]),
        ];
        Assert.EndsWith("USER: draw ASSISTANT: here</s>USER: <0>\n<1>\n<2>\nwhat is it? ASSISTANT:", Show(messages));
        Assert.Equal([7, 8, 9], PromptBuilder.Build(s_template, messages).Images.Select(static i => i.Bytes.Span[0]));
        Assert.EndsWith(" ASSISTANT: </s>USER: <0>\nq ASSISTANT:", Show(new ChatMessage(ChatRole.User, "a"), new ChatMessage(ChatRole.Assistant, [Picture()]), new ChatMessage(ChatRole.User, "q")));
    }

    [Fact]
    public void What_has_no_place_in_the_prompt_is_refused()
    {
        Assert.Throws<NotSupportedException>(() => Show(new ChatMessage(ChatRole.User, [new FunctionCallContent("1", "f")])));
        Assert.Throws<NotSupportedException>(() => Show(new ChatMessage(ChatRole.Tool, "x")));
        Assert.Throws<NotSupportedException>(() => Show(new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 1 }, "audio/wav")])));
        Assert.Throws<NotSupportedException>(() => Show(new ChatMessage(ChatRole.System, [Picture()]), new ChatMessage(ChatRole.User, "q")));
        Assert.Throws<ArgumentException>(() => Show(new ChatMessage(ChatRole.User, "")));
        Assert.Throws<ArgumentException>(() => Show(new ChatMessage(ChatRole.User, "q"), new ChatMessage(ChatRole.Assistant, "a")));
        Assert.Throws<ArgumentException>(() => Show());
        ChatMessage two = new(ChatRole.User, [Picture(), Picture()]);
        Assert.Contains("at most 1", Assert.Throws<ArgumentException>(() => PromptBuilder.Build(s_template, [two], null, 1)).Message);
    }

    [Fact]
    public void P2_What_a_user_writes_about_images_is_text() =>
        Assert.Empty(PromptBuilder.Build(s_template, [new(ChatRole.User, "<image> and <__media__>")]).Images);
}
