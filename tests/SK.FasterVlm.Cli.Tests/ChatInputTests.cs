using SK.FasterVlm.Cli.Conversation;

namespace SK.FasterVlm.Cli.Tests;

public class ChatInputTests
{
    static readonly string[] Files = ["/home/me/cat.jpg", "/home/me/my cat.jpg", "./cat.jpg", "cat.jpg", "/reset"];

    [Theory]
    [InlineData("", "Empty", "", "")]
    [InlineData("   ", "Empty", "", "")]
    [InlineData("hello there", "Message", "hello there", "")]
    [InlineData("cat.jpg", "Message", "cat.jpg", "")]
    [InlineData("./cat.jpg", "Image", "./cat.jpg", "")]
    [InlineData("/home/me/cat.jpg", "Image", "/home/me/cat.jpg", "")]
    [InlineData("'/home/me/my cat.jpg' ", "Image", "/home/me/my cat.jpg", "")]
    [InlineData("/home/me/my\\ cat.jpg", "Image", "/home/me/my cat.jpg", "")]
    [InlineData("file:///home/me/my%20cat.jpg", "Image", "/home/me/my cat.jpg", "")]
    [InlineData("/image cat.jpg", "Image", "cat.jpg", "")]
    [InlineData("/image \"no such.jpg\"", "Image", "no such.jpg", "")]
    [InlineData("/image", "Image", "", "")]
    [InlineData("/keep 10%", "Command", "/keep", "10%")]
    [InlineData("/stats", "Command", "/stats", "")]
    [InlineData("/home/me/dog.jpg", "Command", "/home/me/dog.jpg", "")]
    public void A_line_is_understood(string line, string kind, string text, string argument)
    {
        ChatInput input = ChatInput.Parse(line, path => Files.Contains(path));
        Assert.Equal((kind, text, argument), (input.Kind.ToString(), input.Text, input.Argument));
    }
}
